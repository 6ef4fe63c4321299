-- Locks: the sku's inventory row, the last in the lock order.
-- Raises: SK007 when fewer units are there than are taken out; SK001 when more than 10^15
--   of one sku are received (what comes back was in there before).
create or replace function seckill_private.move_inventory (
  p_now timestamptz,
  p_sku text,
  p_delta bigint,
  p_kind text,
  p_pool_id bigint,
  p_actor text,
  p_note text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.inventory;
begin
  update seckill_private.inventory as i
     set quantity = i.quantity + p_delta,
         version = i.version + 1
   where i.sku = p_sku
     and i.quantity + p_delta >= 0
  returning * into v_row;
  if not found then
    perform seckill_private.raise_error('SK007', 'the inventory has fewer than ' || -p_delta);
  elsif p_kind = 'receive' and v_row.quantity > 1000000000000000 then
    perform seckill_private.raise_error('SK001', 'the inventory takes 10^15 units of a sku');
  end if;
  insert into seckill_private.inventory_movement (
    sku, version, kind, delta, pool_id, at, actor, note)
  values (p_sku, v_row.version, p_kind, p_delta, p_pool_id, p_now, p_actor, p_note);
  return v_row.quantity;
end
$function$;

comment on function seckill_private.move_inventory (
  timestamptz, text, bigint, text, bigint, text, text) is
  'Add units to the inventory of a sku, or take them (negative), with a ledger row; what it has '
  'now.';
