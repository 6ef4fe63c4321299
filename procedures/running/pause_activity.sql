-- A purchase that is being decided while this commits may still be held.
create or replace function seckill.pause_activity (
  p_activity_id bigint,
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
begin
  return seckill_private.change_state(
    p_activity_id, 'pause_activity', array['open'], 'paused', p_actor);
end
$function$;

comment on function seckill.pause_activity (bigint, text) is
  'Pause an open activity: purchases are refused until it is resumed, holds can still be paid and '
  'cancelled. status: paused; replayed where it was paused already. Raises SK001, SK002, SK005, '
  'SK006.';
grant execute on function seckill.pause_activity (bigint, text) to seckill_ops;
