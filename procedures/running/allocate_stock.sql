-- Locks: the request id, the activity, the pool's slots, the inventory row.
create or replace function seckill.allocate_stock (
  p_activity_id bigint,
  p_sku text,
  p_quantity bigint,
  p_request_id uuid,
  p_region text default '*',
  p_slots integer default 1,
  p_actor text default null
)
  returns seckill.ops_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.ops_result;
  v_arguments jsonb := jsonb_build_object(
    'activity_id', p_activity_id, 'sku', p_sku, 'quantity', p_quantity, 'region', p_region,
    'slots', p_slots);
  v_answer jsonb;
  v_pool_id bigint;
  v_now timestamptz;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  perform seckill_private.require_units('p_quantity', p_quantity);
  perform seckill_private.require_request_id(p_request_id);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.require_slots(p_slots);
  v_answer := seckill_private.ops_replay('allocate_stock', p_request_id, v_arguments);
  if v_answer is not null then
    return seckill_private.ops_repeat(v_answer);
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  v_pool_id := seckill_private.ensure_pool(p_activity_id, p_sku, p_region, p_slots);
  perform seckill_private.lock_slots(array[v_pool_id]);
  v_now := seckill_private.now_at(null, array[v_pool_id]);
  perform seckill_private.require_inventory(p_sku, p_quantity);
  perform seckill_private.post_movements(
    v_now, 'allocate', 'inventory', 'available',
    seckill_private.spread_units(v_pool_id, p_quantity), p_actor);
  v_result.status := 'allocated';
  v_result.replayed := false;
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_region;
  v_result.quantity := p_quantity;
  v_result.total := (seckill_private.pool_balance(p_activity_id, v_pool_id, v_now)).total;
  perform seckill_private.ops_record(
    'allocate_stock', p_activity_id, p_request_id, v_arguments, to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.allocate_stock (bigint, text, bigint, uuid, text, integer, text) is
  'Move units from the inventory into a pool of an activity, also while it sells; the pool is made '
  'where it is missing. p_quantity: units. p_region: the pool''s region, * for those that do not '
  'divide. p_slots: 1 to 64 rows that share a pool that is made here, so that buyers wait less for '
  'one another; one that is there keeps its own (seckill.set_slots). p_request_id: a repeat '
  'changes nothing. status: allocated; total: units in the pool then. Raises SK001, SK002, SK004, '
  'SK005, SK006 (closed), SK007 (the inventory has fewer).';
grant execute on function seckill.allocate_stock (
  bigint, text, bigint, uuid, text, integer, text) to seckill_ops;
