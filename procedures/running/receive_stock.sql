-- Locks: the request id, the inventory row.
create or replace function seckill.receive_stock (
  p_sku text,
  p_quantity bigint,
  p_request_id uuid,
  p_reason text default null,
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
    'sku', p_sku, 'quantity', p_quantity, 'reason', p_reason);
  v_answer jsonb;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  -- Not abs(): the least bigint has none.
  perform seckill_private.require_units(
    'p_quantity', greatest(p_quantity, -greatest(p_quantity, -9223372036854775807)));
  perform seckill_private.require_request_id(p_request_id);
  perform seckill_private.optional_text('p_reason', p_reason);
  perform seckill_private.optional_text('p_actor', p_actor);
  v_answer := seckill_private.ops_replay('receive_stock', p_request_id, v_arguments);
  if v_answer is not null then
    return seckill_private.ops_repeat(v_answer);
  end if;
  insert into seckill_private.inventory (sku, quantity)
  values (p_sku, 0)
  on conflict (sku) do nothing;
  v_result.status := 'received';
  v_result.replayed := false;
  v_result.sku := p_sku;
  v_result.quantity := p_quantity;
  v_result.total := seckill_private.move_inventory(
    clock_timestamp(), p_sku, p_quantity, 'receive', null, p_actor, p_reason);
  perform seckill_private.ops_record(
    'receive_stock', null, p_request_id, v_arguments, to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.receive_stock (text, bigint, uuid, text, text) is
  'Put units of a sku into the inventory, or take them out (negative), never below zero. '
  'p_quantity: units, up to 10^12 either way. p_request_id: a repeat changes nothing. status: '
  'received; total: units in the inventory then. Raises SK001, SK004, SK005, SK007.';
grant execute on function seckill.receive_stock (text, bigint, uuid, text, text) to seckill_ops;
