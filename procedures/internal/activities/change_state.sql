-- An activity that is there already answers replayed, and nothing is written.
-- Locks: the activity.
-- Raises: SK006 when its state is not one of p_from.
create or replace function seckill_private.change_state (
  p_activity_id bigint,
  p_call text,
  p_from text[],
  p_to text,
  p_actor text
)
  returns seckill.ops_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.ops_result;
  v_activity seckill_private.activity := seckill_private.lock_activity(p_activity_id, false);
begin
  perform seckill_private.optional_text('p_actor', p_actor);
  v_result.status := p_to;
  v_result.activity_id := p_activity_id;
  v_result.replayed := v_activity.state = p_to;
  if v_result.replayed then
    return v_result;
  elsif v_activity.state <> all (p_from) then
    perform seckill_private.raise_error('SK006', 'the activity is ' || v_activity.state);
  end if;
  update seckill_private.activity as a
     set state = p_to,
         closed_at = case p_to when 'closed' then clock_timestamp() end
   where a.activity_id = p_activity_id;
  perform seckill_private.ops_record(
    p_call, p_activity_id, null, '{}', to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill_private.change_state (bigint, text, text[], text, text) is
  'Bring an activity from one of some states to another.';
