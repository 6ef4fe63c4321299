-- Called with the slots of the activity locked, and the inventory that what comes back goes on to:
-- whoever has a hold in hand waits for us, so it is passed over and stays due. As many as there
-- are: none may be missing in what the caller says afterwards. Buyers wait meanwhile, some 0.1 ms a
-- hold; a sweeper at work leaves few.
-- Locks: reservations by SKIP LOCKED.
create or replace function seckill_private.settle_pool (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_actor text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill_private.unit_line[];
begin
  loop
    v_lines := seckill_private.pick_due_holds(
      p_now, array[p_activity_id], array[p_pool_id], null, 10000);
    exit when v_lines is null;
    perform seckill_private.post_movements(
      p_now, 'expire', 'held', 'available', v_lines, p_actor);
  end loop;
  perform seckill_private.release_due(p_now, p_now, array[p_pool_id], p_actor);
end
$function$;

comment on function seckill_private.settle_pool (timestamptz, bigint, bigint, text) is
  'Give back the units of a pool whose holds have ended, and make the releases that are due.';
