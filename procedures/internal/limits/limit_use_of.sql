-- Read from the reservations of the subject, which is exact because every writer of them holds the
-- subject's lock (lock_subject, lock_digests). p_except leaves one out: a late payment is not its
-- own competitor. Holds that ended are dated by their end, all else by the purchase. "offset 0"
-- keeps the planner from counting each row once for every aggregate. A phone or an address is new
-- in most purchases, which then cost one probe.
create or replace function seckill_private.limit_use_of (
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_user_id text,
  p_digest bytea,
  p_wanted bigint,
  p_now timestamptz,
  p_window tstzrange,
  p_except bigint
)
  returns seckill_private.limit_use
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_use seckill_private.limit_use;
  v_scope bigint := case
    when not seckill_private.crosses_activities(p_limit) then p_activity.activity_id
  end;
  v_keys bigint[] := seckill_private.subject_keys(
    p_limit, p_activity.activity_id, p_user_id, least(lower(p_window), p_now));
  v_only bigint[] := case
    when p_limit.sku is not null then seckill_private.pools_of_sku(p_limit.sku, v_scope)
  end;
  v_dated_by_end boolean := p_limit.metric = 'expired_holds';
begin
  if p_digest is not null and not exists (
       select from seckill_private.reservation as r where r.subjects @> array[p_digest]) then
    v_use.used := 0;
    v_use.unpaid := 0;
    return v_use;
  end if;
  select coalesce(sum(u.used), 0),
         coalesce(sum(u.used) filter (where u.unpaid), 0),
         min(u.expires_at) filter (where u.unpaid and u.used > 0),
         max(u.seen_at)
    into v_use.used, v_use.unpaid, v_use.first_expiry, v_use.seen_at
    from (select case
                   when r.reservation_id is not distinct from p_except then 0
                   when not case when v_dated_by_end then r.expires_at else r.created_at end
                            <@ p_window then 0
                   else seckill_private.counted(p_limit.metric, r, v_only, p_now)
                 end as used,
                 r.state in ('held', 'expired') and not v_dated_by_end as unpaid, r.expires_at,
                 greatest(r.created_at, r.resolved_at) as seen_at
            from seckill_private.reservations_of(v_keys, p_user_id, v_scope, p_digest) as r
          offset 0) as u;
  if p_limit.window_kind = 'rolling' and p_except is not null then
    v_use.used := seckill_private.rolling_peak(
      p_limit, v_keys, p_user_id, v_scope, p_digest, v_only, p_now, p_window, p_except);
  elsif p_limit.window_kind = 'rolling' then
    v_use.leaves_at := seckill_private.leaves_at(
      p_limit, v_keys, p_user_id, v_scope, p_digest, v_only, p_now, p_window,
      v_use.used + p_wanted - p_limit.maximum);
  end if;
  return v_use;
end
$function$;

comment on function seckill_private.limit_use_of (
  seckill_private.limit_version, seckill_private.activity, text, bytea, bigint, timestamptz,
  tstzrange, bigint) is
  'What one subject has used of a limit in a window, in the limit''s metric.';
