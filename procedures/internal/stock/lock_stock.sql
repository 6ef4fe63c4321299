-- For a call that may give units back several times: what goes on to the inventory (of a pool that
-- is closed, or owes units) needs that row, and each time would take its own. p_sku: a row that the
-- call needs besides, for what it puts in or takes out itself.
-- Locks: slots ascending; inventory rows by sku.
create or replace function seckill_private.lock_stock (
  p_pool_ids bigint[],
  p_sku text default null
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.lock_slots(p_pool_ids);
  perform from seckill_private.inventory as i
    where i.sku = any (array(
            select p.sku from seckill_private.pool as p
              join seckill_private.pool_slot as s on s.pool_id = p.pool_id
             where p.pool_id = any (p_pool_ids) and (s.closed or s.owed > 0)
             union
            select p_sku))
    order by i.sku collate "C"
      for update;
end
$function$;

comment on function seckill_private.lock_stock (bigint[], text) is
  'Lock the slots of some pools, and the inventory that what comes back to them goes on to.';
