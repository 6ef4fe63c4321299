-- The same numbers as seckill_private.limit_check gives for one more purchase, of an instant of the
-- past. Reservations of then are those of now that had been made, as they were.
create or replace function seckill_private.usage_at (
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_user_id text,
  p_digest bytea,
  p_at timestamptz
)
  returns seckill.check_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.check_result;
  v_window tstzrange := seckill_private.window_of(
    p_limit.window_kind, p_limit.period, coalesce(p_limit.time_zone, p_activity.time_zone), p_at);
  v_scope bigint := case
    when not seckill_private.crosses_activities(p_limit) then p_activity.activity_id
  end;
  v_use record;
begin
  select coalesce(sum(u.used), 0)::bigint as used,
         coalesce(sum(u.used) filter (where u.unpaid), 0)::bigint as unpaid,
         min(u.expires_at) filter (where u.unpaid and u.used > 0) as first_expiry,
         min(u.dated) filter (where u.running >= greatest(u.total + 1 - p_limit.maximum, 1))
         + make_interval(secs => extract(epoch from p_limit.period)::double precision) as leaves_at
    into v_use
    from (select d.*, sum(d.used) over () as total,
                 sum(d.used) over (order by d.dated, d.reservation_id) as running
            from (select r.reservation_id, r.expires_at, t.dated,
                         r.state in ('held', 'expired') and p_limit.metric <> 'expired_holds'
                           as unpaid,
                         seckill_private.counted(
                           p_limit.metric, r, seckill_private.pools_of_sku(p_limit.sku, v_scope),
                           p_at) as used
                    from seckill_private.reservations_of(
                           seckill_private.subject_keys(
                             p_limit, p_activity.activity_id, p_user_id,
                             least(lower(v_window), p_at)),
                           p_user_id, v_scope, p_digest) as o
                   cross join lateral seckill_private.reservation_at(o, p_at) as r
                   cross join lateral (
                           select case p_limit.metric
                                    when 'expired_holds' then r.expires_at else r.created_at
                                  end as dated) as t
                   where r.created_at <= p_at and t.dated <@ v_window) as d) as u;
  v_result.check_name := 'limit';
  v_result.limit_name := p_limit.name;
  v_result.dimension := p_limit.dimension;
  v_result.used := v_use.used;
  v_result.maximum := p_limit.maximum;
  v_result.remaining := greatest(p_limit.maximum - v_use.used, 0);
  v_result.resets_at := case
    when p_limit.metric = 'open_holds' then v_use.first_expiry
    when p_limit.window_kind = 'rolling' then v_use.leaves_at
    when p_limit.window_kind <> 'activity' then upper(v_window)
  end;
  v_result.status := case when v_use.used < p_limit.maximum then 'pass' else 'fail' end;
  v_result.retry := case
    when v_result.status = 'pass' then null
    when v_use.used - v_use.unpaid < p_limit.maximum then 'may_return'
    when v_result.resets_at < p_activity.ends_at then 'not_yet'
    else 'final'
  end;
  return v_result;
end
$function$;

comment on function seckill_private.usage_at (
  seckill_private.limit_version, seckill_private.activity, text, bytea, timestamptz) is
  'What one subject had used of a limit at an instant, and what the limit said of one more.';
