-- Locks: the activity; those of seckill_private.return_unsold.
create or replace function seckill.close_activity (
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
declare
  v_result seckill.ops_result := seckill_private.change_state(
    p_activity_id, 'close_activity', array['draft', 'open', 'paused'], 'closed', p_actor);
begin
  if not v_result.replayed then
    v_result.quantity := seckill_private.return_unsold(null, p_activity_id, p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.close_activity (bigint, text) is
  'End an activity for good. What is available, holds that have ended included, returns to the '
  'inventory at once (quantity: units); open holds live on, and what they release later follows. '
  'status: closed; replayed where it was closed already. Where nobody has swept ten thousands of '
  'holds, call expire_due first: whoever pays waits meanwhile. Raises SK001, SK002, SK005; 55P03 '
  'after five seconds of waiting, when nothing happened.';
grant execute on function seckill.close_activity (bigint, text) to seckill_ops;
