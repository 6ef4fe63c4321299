-- The first limit, by name, that one more purchase would exceed; null when all allow it.
-- Retry: final when no waiting helps (it wants more than the limit at all, or the window outlives
--   the sale), may_return while an unpaid hold of the buyer's own stands in the way, else not_yet.
create or replace function seckill_private.refuse_limit (
  p_limits seckill_private.limit_version[],
  p_activity seckill_private.activity,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_now timestamptz,
  p_window_at timestamptz,
  p_except bigint default null
)
  returns seckill.reserve_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_limit record;
begin
  select l.*, w.wanted into v_limit
    from seckill_private.limit_usage_of(
           p_limits, p_activity.time_zone, p_activity.activity_id, p_user_id, p_now, p_window_at,
           p_except) as l
   cross join lateral (
           select case l.metric when 'units' then sum(q.quantity) else least(count(*), 1) end
             from unnest(p_skus, p_quantities) as q (sku, quantity)
            where l.sku is null or q.sku = l.sku) as w (wanted)
   where w.wanted > 0
     and l.used + w.wanted > l.maximum
   order by l.limit_name collate "C"
   limit 1;
  if not found then
    return null;
  end if;
  v_result.status := 'limit_exceeded';
  v_result.limit_name := v_limit.limit_name;
  v_result.remaining := greatest(v_limit.maximum - v_limit.used, 0);
  if v_limit.wanted > v_limit.maximum then
    v_result.retry := 'final';
  elsif v_limit.used - v_limit.unpaid + v_limit.wanted <= v_limit.maximum then
    v_result.retry := 'may_return';
    v_result.retry_at := v_limit.first_expiry;
  elsif v_limit.resets_at < p_activity.ends_at then
    v_result.retry := 'not_yet';
    v_result.retry_at := v_limit.resets_at;
  else
    v_result.retry := 'final';
  end if;
  return v_result;
end
$function$;

comment on function seckill_private.refuse_limit (
  seckill_private.limit_version[], seckill_private.activity, text, text[], integer[], timestamptz,
  timestamptz, bigint) is
  'The refusal limit_exceeded by the first limit (by name) that a purchase would exceed, or null.';
