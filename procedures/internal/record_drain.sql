-- The ledger row of a debt's payment; the counters are post_movements' business. p_note: the kind
-- of the movement that brought the units.
create or replace function seckill_private.record_drain (
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
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, version, position, kind, source, target, quantity, at,
    actor, note)
  values (
    p_activity_id, p_shard, p_pool_id, p_slot, p_version, p_position, 'drain', 'available',
    'inventory', p_quantity, p_now, p_actor, p_note);
end;

comment on function seckill_private.record_drain (
  timestamptz, bigint, smallint, bigint, smallint, bigint, bigint, bigint, text, text) is
  'Write into the ledger that units went on to the inventory to pay what a slot owes.';
