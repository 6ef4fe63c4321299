-- Decisions use the greater of the clock and the latest time that the rows have seen, so a clock
-- that jumps back neither reopens a window nor revives a hold. Called after the lock, in a
-- statement of its own: now() is the time at which the transaction began, perhaps long before the
-- lock was had. p_now is what tests pass; null means the clock.
create or replace function seckill_private.now_at (
  p_now timestamptz,
  p_pool_ids bigint[],
  p_seen_at timestamptz
)
  returns timestamptz
  language sql
  volatile
begin atomic
  select greatest(coalesce(p_now, clock_timestamp()), p_seen_at, max(s.seen_at))
    from seckill_private.pool_slot as s
   where s.pool_id = any (p_pool_ids);
end;

comment on function seckill_private.now_at (timestamptz, bigint[], timestamptz) is
  'The instant of a decision: the clock, but never before what these pools and p_seen_at have '
  'seen.';
