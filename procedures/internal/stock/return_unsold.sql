-- Holds live on; closed makes what they release later follow to the inventory. Those that have
-- ended count as available, swept or not: they are given back first, and what was not yet released
-- is released. One that another call has in hand (a sweeper, a late payment) follows when that is
-- done. Each pool by the time that it has seen: another may be ahead, and a hold that lives stays.
-- An ended order may have units of several pools, so all are settled before the first is emptied.
-- Locks: the slots of the activity ascending; the inventory of all its skus, at once, since what
--   pools in debt get back goes there too; reservations by SKIP LOCKED.
create or replace function seckill_private.return_unsold (
  p_now timestamptz,
  p_activity_id bigint,
  p_actor text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_ids bigint[] := array(
    select p.pool_id from seckill_private.pool as p where p.activity_id = p_activity_id);
  v_pool_id bigint;
  v_now timestamptz;
  v_lines seckill_private.unit_line[];
  v_units bigint := 0;
begin
  perform from seckill_private.pool_slot as s
    where s.pool_id = any (v_pool_ids)
    order by s.pool_id, s.slot
      for update;
  perform from seckill_private.inventory as i
    where i.sku = any (array(
            select p.sku from seckill_private.pool as p where p.activity_id = p_activity_id))
    order by i.sku collate "C"
      for update;
  foreach v_pool_id in array v_pool_ids loop
    perform seckill_private.settle_pool(
      seckill_private.now_at(p_now, array[v_pool_id]), p_activity_id, v_pool_id, p_actor);
  end loop;
  foreach v_pool_id in array v_pool_ids loop
    v_now := seckill_private.now_at(p_now, array[v_pool_id]);
    perform seckill_private.release_due(v_now, 'infinity', array[v_pool_id], p_actor);
    v_lines := array(
      select row(s.pool_id, s.slot, s.available, null, null)::seckill_private.unit_line
        from seckill_private.pool_slot as s
       where s.pool_id = v_pool_id
         and s.available > 0);
    perform seckill_private.post_movements(
      v_now, 'close', 'available', 'inventory', v_lines, p_actor);
    v_units := v_units + (select coalesce(sum(l.quantity), 0) from unnest(v_lines) as l);
  end loop;
  update seckill_private.pool_slot as s
     set closed = true
   where s.pool_id = any (v_pool_ids);
  return v_units;
end
$function$;

comment on function seckill_private.return_unsold (timestamptz, bigint, text) is
  'Give what is available in an activity back to the inventory, and shut its pools; units '
  'returned.';
