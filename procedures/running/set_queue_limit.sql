-- Buyers see it with their next call; who waits already goes on waiting.
-- Locks: the activity.
create or replace function seckill.set_queue_limit (
  p_activity_id bigint,
  p_max_waiting integer,
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
begin
  perform seckill_private.optional_text('p_actor', p_actor);
  if p_max_waiting not between 0 and 1000 then
    perform seckill_private.raise_error(
      'SK001', 'p_max_waiting must be 0 to 1000, is ' || p_max_waiting);
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  update seckill_private.activity as a
     set max_waiting = p_max_waiting
   where a.activity_id = p_activity_id
     and a.max_waiting is distinct from p_max_waiting;
  v_result.replayed := not found;
  v_result.status := 'set';
  v_result.activity_id := p_activity_id;
  if not v_result.replayed then
    perform seckill_private.ops_record(
      'set_queue_limit', p_activity_id, null, jsonb_build_object('max_waiting', p_max_waiting),
      to_jsonb(v_result), p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.set_queue_limit (bigint, integer, text) is
  'How many callers may wait for the units of one pool of an activity, beside those being served, '
  'one for each slot; whoever comes then is answered busy at once, and nothing was decided. 0 to '
  '1000; null: no bound, as at first. A batch is one caller. status: set; replayed where it was so '
  'already. Raises SK001, SK002, SK005, SK006 (closed).';
grant execute on function seckill.set_queue_limit (bigint, integer, text) to seckill_ops;
