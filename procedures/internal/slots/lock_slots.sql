-- A statement that waited does not see the slots that were made meanwhile (set_slots, which locks
-- those that there are): then they are locked by one more look. A new slot is the pool's last, so
-- that is in order as long as no later pool is locked: one pool after another, not all in one
-- statement.
-- Locks: the slots of some pools, ascending. Whoever holds a slot already may wait only for a later
--   one.
create or replace function seckill_private.lock_slots (
  p_pool_ids bigint[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_id bigint;
  v_locked bigint;
begin
  for v_pool_id in select distinct u.id from unnest(p_pool_ids) as u (id) order by u.id loop
    loop
      perform
         from seckill_private.pool_slot as s
        where s.pool_id = v_pool_id
        order by s.slot
          for update;
      get diagnostics v_locked = row_count;
      exit when v_locked = (
        select count(*) from seckill_private.pool_slot as s where s.pool_id = v_pool_id);
    end loop;
  end loop;
end
$function$;

comment on function seckill_private.lock_slots (bigint[]) is
  'Lock the slots of some pools until the transaction ends.';
