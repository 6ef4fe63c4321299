-- Locks: the slots of some pools, ascending, in one statement. Whoever holds a slot already may
--   wait only for a later one.
create or replace function seckill_private.lock_slots (
  p_pool_ids bigint[]
)
  returns void
  language sql
  volatile
begin atomic
  select s.pool_id
    from seckill_private.pool_slot as s
   where s.pool_id = any (p_pool_ids)
   order by s.pool_id, s.slot
     for update;
end;

comment on function seckill_private.lock_slots (bigint[]) is
  'Lock the slots of some pools until the transaction ends.';
