-- A row of nulls where the limit does not cover the order: none of its lines, or a subject that the
-- request does not name. A limit on units counts the order's lines together. Without lines (null):
-- what the limit says of one more of anything. p_window_at, p_except: a late payment counts in the
-- windows of its purchase, is not its own competitor, and is asked for units and orders only:
-- limits against hoarding want holds to be paid. p_use: what was used at an instant of the past
-- (usage_at); null: it is read from the reservations.
-- resets_at: when the window turns over; of a rolling one, when what is wanted fits; of open holds,
--   when the first of them ends.
-- Answers: limit_exceeded; null while what is wanted (units or orders) is allowed.
-- Retry: final when no waiting helps (more is wanted than the limit allows at all, or the window
--   outlives the sale), may_return while unpaid holds of the subject stand in the way, also where
--   the window turns over before they end: who pays or cancels need not wait for it; else not_yet.
-- retry_at: the first instant at which a hold ends or the window turns over.
create or replace function seckill_private.limit_check (
  p_limit seckill_private.limit_version,
  p_activity seckill_private.activity,
  p_user_id text,
  p_digests bytea[],
  p_skus text[],
  p_quantities integer[],
  p_now timestamptz,
  p_window_at timestamptz,
  p_except bigint,
  p_use seckill_private.limit_use default null
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_wanted bigint := seckill_private.wanted(p_limit, p_skus, p_quantities);
  v_digest bytea := case
    when p_limit.dimension <> 'user' then seckill_private.digest_of(p_digests, p_limit.dimension)
  end;
  v_window tstzrange;
  v_use seckill_private.limit_use;
begin
  if v_wanted <= 0 or p_limit.dimension <> 'user' and v_digest is null
     or p_except is not null and p_limit.metric not in ('units', 'orders') then
    return null;
  end if;
  v_window := seckill_private.window_of(
    p_limit.window_kind, p_limit.period, coalesce(p_limit.time_zone, p_activity.time_zone),
    p_window_at);
  if p_use is null then
    v_use := seckill_private.limit_use_of(
      p_limit, p_activity, p_user_id, v_digest, v_wanted, p_now, v_window, p_except);
  else
    v_use := p_use;
  end if;
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
  if v_use.used + v_wanted <= p_limit.maximum then
    return v_check;
  end if;
  v_check.answer := 'limit_exceeded';
  if v_wanted > p_limit.maximum then
    v_check.retry := 'final';
  elsif v_use.used - v_use.unpaid + v_wanted <= p_limit.maximum then
    v_check.retry := 'may_return';
    v_check.retry_at := least(v_use.first_expiry, v_check.resets_at);
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
  seckill_private.limit_version, seckill_private.activity, text, bytea[], text[], integer[],
  timestamptz, timestamptz, bigint, seckill_private.limit_use) is
  'Whether a limit allows a purchase, and what its subject has used of it.';
