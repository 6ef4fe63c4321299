-- Locks: the activity (none for a global limit), the revision counter.
create or replace function seckill.drop_limit (
  p_activity_id bigint,
  p_name text,
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
  perform seckill_private.require_text('p_name', p_name);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.lock_rules(p_activity_id);
  v_result.status := 'dropped';
  v_result.activity_id := p_activity_id;
  v_result.replayed := not exists (
    select from seckill_private.limit_version as l
     where l.activity_id is not distinct from p_activity_id
       and l.name = p_name
       and l.until_revision is null);
  if v_result.replayed then
    return v_result;
  end if;
  perform seckill_private.end_limit(p_activity_id, p_name);
  perform seckill_private.note_rules(p_activity_id);
  perform seckill_private.ops_record(
    'drop_limit', p_activity_id, null, jsonb_build_object('name', p_name), to_jsonb(v_result),
    p_actor);
  return v_result;
end
$function$;

comment on function seckill.drop_limit (bigint, text, text) is
  'Drop a limit of an activity, or a global one (null). status: dropped; replayed where there was '
  'none of that name. '
  'Raises SK001, SK002, SK005, SK006 (closed).';
grant execute on function seckill.drop_limit (bigint, text, text) to seckill_ops;
