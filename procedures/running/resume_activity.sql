-- Time goes on during a pause: neither the end of the sale nor that of a hold moves.
create or replace function seckill.resume_activity (
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
    p_activity_id, 'resume_activity', array['paused'], 'open', p_actor);
end
$function$;

comment on function seckill.resume_activity (bigint, text) is
  'Go on with a paused activity. status: open; replayed where it was open already. Raises SK001, '
  'SK002, SK005, SK006.';
grant execute on function seckill.resume_activity (bigint, text) to seckill_ops;
