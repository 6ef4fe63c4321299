-- A slot is never taken away: its ledger stays, and units come back to it.
create or replace function seckill_private.add_slots (
  p_pool_id bigint
)
  returns void
  language sql
  volatile
begin atomic
  insert into seckill_private.pool_slot (pool_id, slot, shard, position_base)
  select p.pool_id, n.slot, n.slot, f.position_base
    from seckill_private.pool as p
   cross join lateral generate_series(0, p.slots - 1) as n (slot)
   cross join seckill_private.feed as f
   where p.pool_id = p_pool_id
     and not exists (
       select from seckill_private.pool_slot as s
        where s.pool_id = p_pool_id and s.slot = n.slot);
  update seckill_private.pool as p
     set slot_rows = p.slots
   where p.pool_id = p_pool_id
     and p.slot_rows < p.slots;
end;

comment on function seckill_private.add_slots (bigint) is
  'Make the slots that a pool is to have and has not.';
