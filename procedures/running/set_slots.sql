-- Buyers go on meanwhile, but for the moment in which the units are spread anew. Where there were
-- more slots they keep what is held and sold, and their rows (add_slots), but nothing available.
-- Locks: the activity; the pool's slots ascending.
create or replace function seckill.set_slots (
  p_activity_id bigint,
  p_sku text,
  p_slots integer,
  p_region text default '*',
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
  v_pool_id bigint;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  perform seckill_private.require_slots(p_slots);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.lock_activity(p_activity_id);
  v_pool_id := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  update seckill_private.pool as p
     set slots = p_slots
   where p.pool_id = v_pool_id
     and p.slots <> p_slots;
  v_result.replayed := not found;
  v_result.status := 'set';
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_region;
  v_result.quantity := p_slots;
  if not v_result.replayed then
    perform seckill_private.lock_slots(array[v_pool_id]);
    perform seckill_private.add_slots(v_pool_id);
    perform seckill_private.level_slots(
      seckill_private.now_at(null, array[v_pool_id]), v_pool_id);
  end if;
  v_result.total := (seckill_private.slots_of(v_pool_id)).total;
  if not v_result.replayed then
    perform seckill_private.ops_record(
      'set_slots', p_activity_id, null,
      jsonb_build_object('sku', p_sku, 'region', p_region, 'slots', p_slots),
      to_jsonb(v_result), p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.set_slots (bigint, text, integer, text, text) is
  'Over how many rows a pool spreads its units, also while it sells: with several, buyers who call '
  'one by one wait less for one another. An order is served from any of them, and sold_out is said '
  'only when all together have too few. p_slots: 1 to 64. status: set; quantity: slots; total: '
  'units in the pool; replayed where it had so many already. Raises SK001, SK002, SK003, SK005, '
  'SK006 (closed).';
grant execute on function seckill.set_slots (bigint, text, integer, text, text) to seckill_ops;
