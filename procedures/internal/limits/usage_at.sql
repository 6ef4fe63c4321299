-- What limit_use_of reads from the reservations that stand: those of then are those of now that had
-- been made, as they were (reservation_at). One more purchase is wanted.
create or replace function seckill_private.usage_at (
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_user_id text,
  p_digest bytea,
  p_at timestamptz
)
  returns seckill_private.limit_use
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_use seckill_private.limit_use;
  v_window tstzrange := seckill_private.window_of(
    p_limit.window_kind, p_limit.period, coalesce(p_limit.time_zone, p_activity.time_zone), p_at);
  v_scope bigint := case
    when not seckill_private.crosses_activities(p_limit) then p_activity.activity_id
  end;
  v_only bigint[] := seckill_private.pools_of_sku(p_limit.sku, v_scope);
begin
  select coalesce(sum(u.used), 0), coalesce(sum(u.used) filter (where u.unpaid), 0),
         min(u.expires_at) filter (where u.unpaid),
         min(u.leaves_at) filter (where u.running >= greatest(u.total + 1 - p_limit.maximum, 1))
    into v_use.used, v_use.unpaid, v_use.first_expiry, v_use.leaves_at
    from (select d.*, sum(d.used) over () as total,
                 sum(d.used) over (order by d.leaves_at, d.reservation_id) as running
            from (select r.reservation_id, r.expires_at,
                         seckill_private.leaves_window(p_limit, r) as leaves_at,
                         r.state in ('held', 'expired') and p_limit.metric <> 'expired_holds'
                           as unpaid,
                         case p_limit.metric
                           when 'expired_holds' then r.expires_at else r.created_at
                         end as dated,
                         seckill_private.counted(p_limit.metric, r, v_only, p_at) as used
                    from seckill_private.reservations_of(
                           seckill_private.subject_keys(
                             p_limit, p_activity.activity_id, p_user_id,
                             least(lower(v_window), p_at)),
                           p_user_id, v_scope, p_digest) as o
                   cross join lateral seckill_private.reservation_at(o, p_at) as r
                   where r.created_at <= p_at) as d
           where d.dated <@ v_window and d.used > 0) as u;
  return v_use;
end
$function$;

comment on function seckill_private.usage_at (
  seckill_private.limit_version, seckill_private.activity, text, bytea, timestamptz) is
  'What one subject had used of a limit at an instant.';
