-- Units in pools are not in the inventory: nothing is counted twice.
create or replace function seckill.inventory (
  p_sku text
)
  returns seckill.inventory_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.inventory_result;
begin
  perform seckill_private.require_text('p_sku', p_sku);
  select i.quantity into v_result.quantity
    from seckill_private.inventory as i
   where i.sku = p_sku;
  v_result.status := case
    when v_result.quantity is null then 'unknown'
    when v_result.quantity = 0 then 'empty'
    else 'in_stock'
  end;
  v_result.sku := p_sku;
  v_result.quantity := coalesce(v_result.quantity, 0);
  return v_result;
end
$function$;

comment on function seckill.inventory (text) is
  'Units of a sku that are in no pool. status: in_stock, empty, unknown (never received). Units of '
  'a hold that ends after its activity was closed are no longer in the pool, and arrive with the '
  'sweep (expire_due). Raises SK001.';
grant execute on function seckill.inventory (text) to seckill_read, seckill_app, seckill_ops;
