-- The rule itself is seckill_private.shard, which plans can inline.
create or replace function seckill.shard_of (
  p_user_id text
)
  returns integer
  language sql
  immutable
  parallel safe
  security definer
  set search_path = pg_catalog, pg_temp
return seckill_private.shard(p_user_id)::integer;

comment on function seckill.shard_of (text) is
  'The shard of a user, 0 to 63; null for null. It never changes.';
grant execute on function seckill.shard_of (text) to seckill_read, seckill_app, seckill_ops;
