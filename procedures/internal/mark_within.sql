-- The same use as limit_use_of counts, for all requests of a batch in one statement.
create or replace function seckill_private.mark_within (
  p_requests seckill_private.request[],
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_now timestamptz
)
  returns seckill_private.request[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_window tstzrange := seckill_private.window_of(
    p_limit.window_kind, p_limit.period, coalesce(p_limit.time_zone, p_activity.time_zone), p_now);
  v_only bigint[] := seckill_private.pools_of_sku(p_limit.sku, p_activity.activity_id);
  v_by_user boolean := p_limit.dimension = 'user';
  v_by_end boolean := p_limit.metric = 'expired_holds';
begin
  return array(
    select row(
             q.ordinal, q.activity_id, q.user_id, q.sku, q.quantity, q.request_id, q.region,
             q.digests, q.error_code, q.pool_id,
             q.plain and (
               not q.covered
               or case when v_by_user then true else q.digest is not null and q.times = 1 end
                  and u.used + case p_limit.metric when 'units' then q.quantity else 1 end
                      <= p_limit.maximum
                  and coalesce(u.seen_at <= p_now, true)))::seckill_private.request
      from (select d.*, count(*) over (partition by d.digest) as times
              from (select r.*,
                           r.activity_id = p_activity.activity_id
                           and (p_limit.sku is null or r.sku = p_limit.sku) as covered,
                           case when not v_by_user
                             then seckill_private.digest_of(r.digests, p_limit.dimension)
                           end as digest
                      from unnest(p_requests) as r) as d) as q
     cross join lateral (
             select coalesce(sum(
                      case
                        when case when v_by_end then o.expires_at else o.created_at end <@ v_window
                          then seckill_private.counted(p_limit.metric, o, v_only, p_now)
                        else 0
                      end), 0) as used,
                    max(greatest(o.created_at, o.resolved_at)) as seen_at
               from seckill_private.reservations_of(
                      case when v_by_user and q.plain and q.covered then array[
                        seckill_private.buyer_key(p_activity.activity_id, q.user_id)] end,
                      q.user_id, p_activity.activity_id,
                      case when q.plain and q.covered then q.digest end) as o) as u
     order by q.ordinal);
end
$function$;

comment on function seckill_private.mark_within (
  seckill_private.request[], seckill_private.limit_version, seckill_private.activity,
  timestamptz) is
  'Leave those requests of a batch marked as plain for which a limit has room.';
