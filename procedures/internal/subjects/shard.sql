-- Bits that buyer_key does not use, so that the buyers of one shard spread over the whole key.
create or replace function seckill_private.shard (
  p_user_id text
)
  returns smallint
  language sql
  immutable
  parallel safe
return ((hashtextextended(p_user_id collate "C", 0) >> 58) & 63)::smallint;

comment on function seckill_private.shard (text) is
  'The shard of a user, 0 to 63.';
