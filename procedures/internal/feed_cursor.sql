create or replace function seckill_private.feed_cursor (
  p_generation text,
  p_place seckill_private.feed_place
)
  returns text
  language sql
  immutable
return concat_ws(
  '.', p_generation, (p_place).position, (p_place).pool_id, (p_place).slot,
  case when (p_place).event_id = 0 then (p_place).version::text else 'e' end, (p_place).event_id);

comment on function seckill_private.feed_cursor (text, seckill_private.feed_place) is
  'A place in the feed as changes hands it out; opaque to its caller.';
