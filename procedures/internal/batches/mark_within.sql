-- The same use as limit_use_of counts, for all requests of a batch in one statement. p_known:
-- whether the user has reservations in the activity, and whether there is a look worth its time.
-- "offset 0" keeps the planner from working out a digest wherever it is used.
create or replace function seckill_private.mark_within (
  p_requests seckill_private.request[],
  p_plain boolean[],
  p_known boolean[],
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_now timestamptz
)
  returns boolean[]
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
  v_twice bytea[] := case when not v_by_user then array(
    select d.digest
      from (select seckill_private.digest_of(r.digests, p_limit.dimension) as digest
              from unnest(p_requests) as r) as d
     where d.digest is not null
     group by d.digest
    having count(*) > 1) end;
begin
  return array(
    select q.plain and (
             q.wanted = 0
             or (v_by_user or q.digest is not null and q.digest <> all (v_twice))
                and case
                  when q.keys is null and q.digest is null then q.wanted <= p_limit.maximum
                  else (
                    select coalesce(sum(
                             case
                               when case when v_by_end then o.expires_at else o.created_at end
                                    <@ v_window
                                 then seckill_private.counted(p_limit.metric, o, v_only, p_now)
                               else 0
                             end), 0) + q.wanted <= p_limit.maximum
                           and coalesce(
                             max(greatest(o.created_at, o.resolved_at, o.refunded_at)) <= p_now,
                             true)
                      from seckill_private.reservations_of(
                             q.keys, q.user_id, p_activity.activity_id, q.digest) as o)
                end)
      from (select r.ordinal, r.user_id, p_plain[r.ordinal] as plain,
                   case
                     when r.activity_id = p_activity.activity_id
                       then seckill_private.wanted(p_limit, array[r.sku], array[r.quantity])
                     else 0
                   end as wanted,
                   case when v_by_user and p_known[r.ordinal]
                     then array[seckill_private.buyer_key(r.activity_id, r.user_id)]
                   end as keys,
                   case when not v_by_user
                     then seckill_private.digest_of(r.digests, p_limit.dimension)
                   end as digest
              from unnest(p_requests) as r
            offset 0) as q
     order by q.ordinal);
end
$function$;

comment on function seckill_private.mark_within (
  seckill_private.request[], boolean[], boolean[], seckill_private.limit_version,
  seckill_private.activity, timestamptz) is
  'Leave those requests of a batch marked as plain for which a limit has room.';
