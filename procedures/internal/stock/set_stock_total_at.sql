-- Holds that are settled or revoked may have units of other pools, too, and those may be in debt.
-- Locks: the slots of the activity (its row is locked); this sku's inventory and those of pools in
--   debt, at once; reservations by SKIP LOCKED.
-- Raises: SK003, SK006 (another total than was expected), SK007, 55P03.
create or replace function seckill_private.set_stock_total_at (
  p_now timestamptz,
  p_activity_id bigint,
  p_sku text,
  p_region text,
  p_total bigint,
  p_mode text,
  p_expected_total bigint,
  p_actor text
)
  returns seckill.ops_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.ops_result;
  v_pool_id bigint := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  v_now timestamptz;
  v_before seckill_private.pool_slot;
  v_after seckill_private.pool_slot;
begin
  perform seckill_private.lock_stock(
    array(select p.pool_id from seckill_private.pool as p where p.activity_id = p_activity_id),
    p_sku);
  v_now := seckill_private.now_at(p_now, array[v_pool_id]);
  perform seckill_private.settle_pool(v_now, p_activity_id, v_pool_id, p_actor);
  v_before := seckill_private.slots_of(v_pool_id);
  if p_expected_total <> v_before.total then
    perform seckill_private.raise_error('SK006', 'the total is ' || v_before.total);
  elsif p_total < v_before.total then
    perform seckill_private.lower_total(
      v_now, p_activity_id, v_pool_id, p_total, p_mode, p_actor);
  else
    perform seckill_private.raise_total(
      v_now, p_activity_id, v_pool_id, p_total, p_mode, p_actor);
  end if;
  v_after := seckill_private.slots_of(v_pool_id);
  v_result.status := 'set';
  v_result.replayed := (v_after.total, v_after.owed) = (v_before.total, v_before.owed);
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_region;
  v_result.quantity := v_after.total - v_before.total;
  v_result.total := v_after.total;
  return v_result;
end
$function$;

comment on function seckill_private.set_stock_total_at (
  timestamptz, bigint, text, text, bigint, text, bigint, text) is
  'Set the total of a pool at a given instant (null: the clock); the body of '
  'seckill.set_stock_total.';
