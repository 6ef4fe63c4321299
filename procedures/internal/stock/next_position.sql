-- The order of the feed. A transaction id alone says when a transaction began to write, not when it
-- had the slot, so a row's position is at least that of the row before it on the slot: positions
-- never fall from one version of a slot to the next. And a position is never below its own
-- transaction's id: once every transaction below some id has ended, no row can come in before it.
create or replace function seckill_private.next_position (
  p_position bigint,
  p_base bigint
)
  returns bigint
  language sql
  volatile
return greatest(p_position, p_base + pg_current_xact_id()::text::bigint);

comment on function seckill_private.next_position (bigint, bigint) is
  'The position in the feed of what this transaction moves on a slot, after what stands at '
  'p_position.';
