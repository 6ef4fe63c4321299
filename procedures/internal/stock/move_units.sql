-- Locks: due holds by SKIP LOCKED; slots ascending; inventory rows by sku.
-- Raises: SK007 when fewer units are available.
create or replace function seckill_private.move_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_from_pool_id bigint,
  p_to_pool_id bigint,
  p_quantity bigint,
  p_actor text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_ids bigint[] := array[p_from_pool_id, p_to_pool_id];
  v_now timestamptz := seckill_private.now_at(p_now, v_pool_ids);
begin
  if not seckill_private.lock_units(
       v_now, p_activity_id, v_pool_ids, array[p_quantity, 0], false,
       (select p.sku from seckill_private.pool as p where p.pool_id = p_from_pool_id)) then
    perform seckill_private.raise_error('SK007', 'fewer than ' || p_quantity || ' are available');
  end if;
  perform seckill_private.post_movements(
    v_now, 'move', 'available', 'inventory',
    seckill_private.available_lines(p_from_pool_id, p_quantity), p_actor);
  perform seckill_private.post_movements(
    v_now, 'move', 'inventory', 'available',
    seckill_private.spread_units(p_to_pool_id, p_quantity), p_actor);
  return (seckill_private.pool_balance(p_activity_id, p_to_pool_id, v_now)).total;
end
$function$;

comment on function seckill_private.move_units (
  timestamptz, bigint, bigint, bigint, bigint, text) is
  'Move available units from one pool to another of the same sku; units in the other then.';
