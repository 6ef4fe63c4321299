-- Units that pay a debt come back to the inventory at once, so on balance an allocation may need
-- fewer than it allocates; it may not allocate what is not there.
-- Locks: the sku's inventory row, the last in the lock order.
-- Raises: SK007.
create or replace function seckill_private.require_inventory (
  p_sku text,
  p_quantity bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform from seckill_private.inventory as i
    where i.sku = p_sku
      and i.quantity >= p_quantity
      for update;
  if not found then
    perform seckill_private.raise_error('SK007', 'the inventory has fewer than ' || p_quantity);
  end if;
end
$function$;

comment on function seckill_private.require_inventory (text, bigint) is
  'Refuse a call that takes more units of a sku than the inventory has.';
