-- A statement that waited does not see the slots that were made meanwhile (set_slots, which locks
-- those that there are): then they are locked by one more look.
-- Locks: the slots of some pools, ascending, in one statement. Whoever holds a slot already may
--   wait only for a later one.
create or replace function seckill_private.lock_slots (
  p_pool_ids bigint[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_locked bigint;
begin
  loop
    perform
       from seckill_private.pool_slot as s
      where s.pool_id = any (p_pool_ids)
      order by s.pool_id, s.slot
        for update;
    get diagnostics v_locked = row_count;
    exit when v_locked = (
      select count(*) from seckill_private.pool_slot as s where s.pool_id = any (p_pool_ids));
  end loop;
end
$function$;

comment on function seckill_private.lock_slots (bigint[]) is
  'Lock the slots of some pools until the transaction ends.';
