-- Declarative: the schedule that stood is replaced, so that a repeat changes nothing.
-- Locks: the activity; due holds by SKIP LOCKED; the pool's slots, and those of the holds that are
--   settled; inventory (settle_short).
create or replace function seckill.schedule_release (
  p_activity_id bigint,
  p_sku text,
  p_region text,
  p_release_at timestamptz[],
  p_quantities bigint[],
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
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  perform seckill_private.validate_releases(p_release_at, p_quantities);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.lock_activity(p_activity_id);
  v_pool_id := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  v_result.status := 'scheduled';
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.region := p_region;
  v_result.replayed := seckill_private.releases_stand(
    v_pool_id, p_release_at, p_quantities,
    seckill_private.now_at(null, array[v_pool_id], p_activity_id));
  if not v_result.replayed then
    perform seckill_private.set_releases(
      null, p_activity_id, v_pool_id, p_release_at, p_quantities, p_actor);
  end if;
  v_result.quantity := (select coalesce(sum(q), 0)::bigint from unnest(p_quantities) as q);
  v_result.total := (seckill_private.pool_balance(
    p_activity_id, v_pool_id, seckill_private.now_at(null, array[v_pool_id]))).total;
  if not v_result.replayed then
    perform seckill_private.ops_record(
      'schedule_release', p_activity_id, null,
      jsonb_build_object(
        'sku', p_sku, 'region', p_region, 'quantities', p_quantities, 'release_at',
        array(select r at time zone 'UTC' from unnest(p_release_at) as r)),
      to_jsonb(v_result), p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.schedule_release (
  bigint, text, text, timestamptz[], bigint[], text) is
  'Say when units of a pool are released: p_quantities[i] units at p_release_at[i] (1 to 100 of '
  'them; empty arrays: everything is released now). It replaces the schedule that stood; the units '
  'are taken from what is available, and what the old schedule kept back is available first. From '
  'its instant on a release counts as available, no job is needed; an instant that has passed '
  'releases at once. Units not yet released count in total only. status: scheduled; quantity: '
  'units scheduled; replayed where the last call asked for the same and nothing that waits was '
  'cut since. Raises SK001, SK002, SK003, SK005, SK006 (closed), SK007 (fewer are available).';
grant execute on function seckill.schedule_release (
  bigint, text, text, timestamptz[], bigint[], text) to seckill_ops;
