-- Answers: limit_exceeded; null while p_wanted more (units or orders) are allowed.
-- Retry: final when no waiting helps (more is wanted than the limit allows at all, or the window
--   outlives the sale), may_return while unpaid holds of the subject stand in the way, else
--   not_yet.
create or replace function seckill_private.limit_check (
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_user_id text,
  p_digest bytea,
  p_wanted bigint,
  p_now timestamptz,
  p_window_at timestamptz,
  p_except bigint
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_window tstzrange := seckill_private.window_of(
    p_limit.window_kind, p_limit.period, coalesce(p_limit.time_zone, p_activity.time_zone),
    p_window_at);
  v_use seckill_private.limit_use := seckill_private.limit_use_of(
    p_limit, p_activity, p_user_id, p_digest, p_wanted, p_now, v_window, p_except);
begin
  v_check.check_name := 'limit';
  v_check.limit_name := p_limit.name;
  v_check.dimension := p_limit.dimension;
  v_check.used := v_use.used;
  v_check.maximum := p_limit.maximum;
  v_check.remaining := greatest(p_limit.maximum - v_use.used, 0);
  v_check.seen_at := v_use.seen_at;
  v_check.resets_at := case
    when p_limit.metric = 'open_holds' then v_use.first_expiry
    when p_limit.window_kind = 'rolling' then v_use.leaves_at
    when p_limit.window_kind <> 'activity' then upper(v_window)
  end;
  if v_use.used + p_wanted <= p_limit.maximum then
    return v_check;
  end if;
  v_check.answer := 'limit_exceeded';
  if p_wanted > p_limit.maximum then
    v_check.retry := 'final';
  elsif v_use.used - v_use.unpaid + p_wanted <= p_limit.maximum then
    v_check.retry := 'may_return';
    v_check.retry_at := v_use.first_expiry;
  elsif v_check.resets_at < p_activity.ends_at then
    v_check.retry := 'not_yet';
    v_check.retry_at := v_check.resets_at;
  else
    v_check.retry := 'final';
  end if;
  return v_check;
end
$function$;

comment on function seckill_private.limit_check (
  seckill_private.limit_version, seckill_private.activity, text, bytea, bigint, timestamptz,
  timestamptz, bigint) is
  'Whether a limit allows one more purchase by a subject, and what is used of it.';
