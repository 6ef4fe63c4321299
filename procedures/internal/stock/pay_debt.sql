-- Called with the slot locked, and the pool's first one, on which the debt stands. p_note: the kind
-- of the movement that brought the units.
create or replace function seckill_private.pay_debt (
  p_now timestamptz,
  p_activity_id bigint,
  p_shard smallint,
  p_pool_id bigint,
  p_slot smallint,
  p_version bigint,
  p_position bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns void
  language sql
  volatile
begin atomic
  update seckill_private.pool_slot as s
     set owed = s.owed - p_quantity
   where s.pool_id = p_pool_id
     and s.slot = 0;
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, version, position, kind, source, target, quantity, at,
    actor, note)
  values (
    p_activity_id, p_shard, p_pool_id, p_slot, p_version, p_position, 'drain', 'available',
    'inventory', p_quantity, p_now, p_actor, p_note);
end;

comment on function seckill_private.pay_debt (
  timestamptz, bigint, smallint, bigint, smallint, bigint, bigint, bigint, text, text) is
  'Write down that units which came back to a slot went on to the inventory, to pay what the pool '
  'owes.';
