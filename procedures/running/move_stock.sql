-- Through the inventory's ledger, as everything that enters or leaves a pool.
-- Locks: the request id, the activity; due holds by SKIP LOCKED; slots ascending; inventory rows by
--   sku.
create or replace function seckill.move_stock (
  p_activity_id bigint,
  p_sku text,
  p_quantity bigint,
  p_from_region text,
  p_to_region text,
  p_request_id uuid,
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
    'activity_id', p_activity_id, 'sku', p_sku, 'quantity', p_quantity,
    'from_region', p_from_region, 'to_region', p_to_region);
  v_answer jsonb;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_units('p_quantity', p_quantity);
  perform seckill_private.require_text('p_from_region', p_from_region);
  perform seckill_private.require_text('p_to_region', p_to_region);
  perform seckill_private.require_request_id(p_request_id);
  perform seckill_private.optional_text('p_actor', p_actor);
  if p_from_region = p_to_region then
    perform seckill_private.raise_error('SK001', 'p_from_region and p_to_region are the same');
  end if;
  v_answer := seckill_private.ops_replay('move_stock', p_request_id, v_arguments);
  if v_answer is not null then
    return seckill_private.ops_repeat(v_answer);
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  v_result.total := seckill_private.move_units(
    null, p_activity_id, seckill_private.find_pool(p_activity_id, p_sku, p_from_region),
    seckill_private.find_pool(p_activity_id, p_sku, p_to_region), p_quantity, p_actor);
  v_result.status := 'moved';
  v_result.replayed := false;
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_to_region;
  v_result.quantity := p_quantity;
  perform seckill_private.ops_record(
    'move_stock', p_activity_id, p_request_id, v_arguments, to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.move_stock (bigint, text, bigint, text, text, uuid, text) is
  'Move available units of a sku from the pool of one region to that of another, also while they '
  'sell. p_quantity: units. p_request_id: a repeat changes nothing. status: moved; total: units in '
  'the pool of p_to_region then. Raises SK001, SK002, SK003 (a region without this pool), SK004, '
  'SK005, SK006 (closed), SK007 (fewer are available).';
grant execute on function seckill.move_stock (
  bigint, text, bigint, text, text, uuid, text) to seckill_ops;
