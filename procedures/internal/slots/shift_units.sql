-- Both sides stand in the ledger (kind level): what one slot gives goes to the inventory, and from
-- there to the other, in one statement; the inventory's row is not touched. All have one position
-- and one time, which none of the slots has passed, so that whoever reads the feed, or asks for the
-- stock of an instant, sees no half of it.
-- Called with the pool's slots locked.
create or replace function seckill_private.shift_units (
  p_now timestamptz,
  p_pool_id bigint,
  p_slots smallint[],
  p_available bigint[]
)
  returns void
  language sql
  volatile
begin atomic
  with change as (
    select s.slot, t.available - s.available as delta,
           max(seckill_private.next_position(s.position, s.position_base)) over () as position,
           greatest(p_now, max(s.seen_at) over ()) as at
      from unnest(p_slots, p_available) as t (slot, available)
      join seckill_private.pool_slot as s on s.pool_id = p_pool_id and s.slot = t.slot
     where t.available <> s.available
  ), changed as (
    update seckill_private.pool_slot as s
       set available = s.available + c.delta,
           total = s.total + c.delta,
           epoch = s.epoch + (c.delta > 0)::integer,
           version = s.version + 1,
           position = c.position,
           seen_at = c.at
      from change as c
     where s.pool_id = p_pool_id
       and s.slot = c.slot
    returning s.slot, s.shard, s.version, s.position, c.delta, c.at
  )
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, version, position, kind, source, target, quantity, at)
  select p.activity_id, c.shard, p_pool_id, c.slot, c.version, c.position, 'level',
         case when c.delta < 0 then 'available' else 'inventory' end,
         case when c.delta < 0 then 'inventory' else 'available' end, abs(c.delta), c.at
    from changed as c
    join seckill_private.pool as p on p.pool_id = p_pool_id;
end;

comment on function seckill_private.shift_units (timestamptz, bigint, smallint[], bigint[]) is
  'Move available units between the slots of a pool until each of these has what is named here.';
