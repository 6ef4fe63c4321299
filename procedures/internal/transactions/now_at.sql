-- Decisions use the greater of the clock and the latest time that the rows have seen, those of the
-- pools and those of the user: a clock that jumps back neither reopens a window nor revives a hold.
-- Called after the lock, in a statement of its own: now() is the time at which the transaction
-- began, perhaps long before the lock was had. p_now is what tests pass; null means the clock.
create or replace function seckill_private.now_at (
  p_now timestamptz,
  p_pool_ids bigint[],
  p_activity_id bigint default null,
  p_user_id text default null
)
  returns timestamptz
  language sql
  volatile
begin atomic
  select greatest(
           coalesce(p_now, clock_timestamp()),
           (select max(s.seen_at)
              from seckill_private.pool_slot as s
             where s.pool_id = any (p_pool_ids)),
           (select max(greatest(r.created_at, r.resolved_at, r.refunded_at))
              from seckill_private.reservation as r
             where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
               and r.user_id = p_user_id));
end;

comment on function seckill_private.now_at (timestamptz, bigint[], bigint, text) is
  'The instant of a decision: the clock, but never before what these pools and this user have '
  'seen.';
