-- generation.drops.position.pool.slot.version.event: what seckill_private.feed_place reads again.
create or replace function seckill_private.feed_cursor (
  p_feed seckill_private.feed,
  p_place seckill_private.feed_place
)
  returns text
  language sql
  immutable
return concat_ws(
  '.', (p_feed).generation, (p_feed).drops, (p_place).position, (p_place).pool_id, (p_place).slot,
  case when (p_place).event_id = 0 then (p_place).version::text else 'e' end, (p_place).event_id);

comment on function seckill_private.feed_cursor (
  seckill_private.feed, seckill_private.feed_place) is
  'A place in the feed as changes hands it out; opaque to its caller.';
