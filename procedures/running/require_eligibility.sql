-- An explicit switch and not "the list has rows": an emptied list closes the sale, never opens it.
-- Locks: the activity.
create or replace function seckill.require_eligibility (
  p_activity_id bigint,
  p_dimension text,
  p_required boolean,
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
  perform seckill_private.require_text('p_dimension', p_dimension);
  perform seckill_private.optional_text('p_actor', p_actor);
  if p_required is null then
    perform seckill_private.raise_error('SK001', 'p_required must not be null');
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  perform seckill_private.note_dimension(p_activity_id, p_dimension, 'eligible');
  update seckill_private.list_dimension as d
     set required = p_required
   where d.activity_id = p_activity_id
     and d.dimension = p_dimension
     and d.required <> p_required;
  v_result.replayed := not found;
  v_result.status := 'required';
  v_result.activity_id := p_activity_id;
  if not v_result.replayed then
    perform seckill_private.note_rules(p_activity_id);
    perform seckill_private.ops_record(
      'require_eligibility', p_activity_id, null,
      jsonb_build_object('dimension', p_dimension, 'required', p_required), to_jsonb(v_result),
      p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.require_eligibility (bigint, text, boolean, text) is
  'Switch on (or off) that buyers must be on the list of eligible subjects of a dimension '
  '(add_eligible). Every dimension that is switched on must pass; with an empty list nobody does. '
  'status: required; replayed where it was so already. Raises SK001, SK002, SK005, SK006 (closed).';
grant execute on function seckill.require_eligibility (bigint, text, boolean, text) to seckill_ops;
