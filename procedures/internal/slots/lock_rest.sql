-- Below a slot that is locked already, and where the transaction may have locked any (p_locked),
-- nobody may be waited for: then all or nothing by SKIP LOCKED. Who holds no slot waits.
-- Locks: slots by SKIP LOCKED, then ascending.
create or replace function seckill_private.lock_rest (
  p_pool_id bigint,
  p_kept smallint,
  p_locked boolean
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_below integer := case when p_locked then 32767 else coalesce(p_kept, 0) end;
  v_locked bigint;
begin
  if v_below > 0 then
    perform
       from seckill_private.pool_slot as s
      where s.pool_id = p_pool_id
        and s.slot < v_below
      order by s.slot
        for update skip locked;
    get diagnostics v_locked = row_count;
    if v_locked < (
         select count(*) from seckill_private.pool_slot as s
          where s.pool_id = p_pool_id
            and s.slot < v_below) then
      return false;
    end if;
  end if;
  if not p_locked then
    perform seckill_private.lock_slots(array[p_pool_id]);
  end if;
  return true;
end
$function$;

comment on function seckill_private.lock_rest (bigint, smallint, boolean) is
  'Lock all slots of a pool, of which some may be locked already; false where that would have to '
  'wait out of order.';
