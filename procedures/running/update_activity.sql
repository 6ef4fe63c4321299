-- Holds that exist keep the end they were given.
create or replace function seckill.update_activity (
  p_activity_id bigint,
  p_name text default null,
  p_starts_at timestamptz default null,
  p_ends_at timestamptz default null,
  p_hold_seconds integer default null,
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
  v_old seckill_private.activity := seckill_private.lock_activity(p_activity_id);
  v_new seckill_private.activity := v_old;
begin
  perform seckill_private.optional_text('p_actor', p_actor);
  v_new.name := coalesce(p_name, v_old.name);
  v_new.starts_at := coalesce(p_starts_at, v_old.starts_at);
  v_new.ends_at := coalesce(p_ends_at, v_old.ends_at);
  v_new.hold_seconds := coalesce(p_hold_seconds, v_old.hold_seconds);
  perform seckill_private.validate_activity(
    v_new.name, v_new.starts_at, v_new.ends_at, v_new.hold_seconds);
  v_result.status := v_old.state;
  v_result.activity_id := p_activity_id;
  v_result.replayed := v_new is not distinct from v_old;
  if v_result.replayed then
    return v_result;
  end if;
  update seckill_private.activity as a
     set name = v_new.name,
         starts_at = v_new.starts_at,
         ends_at = v_new.ends_at,
         hold_seconds = v_new.hold_seconds
   where a.activity_id = p_activity_id;
  perform seckill_private.ops_record(
    'update_activity', p_activity_id, null,
    jsonb_strip_nulls(jsonb_build_object(
      'name', p_name, 'starts_at', p_starts_at at time zone 'UTC',
      'ends_at', p_ends_at at time zone 'UTC', 'hold_seconds', p_hold_seconds)),
    to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.update_activity (
  bigint, text, timestamptz, timestamptz, integer, text) is
  'Change an activity that is not closed; null leaves a setting as it is. Open holds keep their '
  'end. status: the activity''s state; replayed: nothing was to be changed. Raises SK001, SK002, '
  'SK005, SK006.';
grant execute on function seckill.update_activity (
  bigint, text, timestamptz, timestamptz, integer, text) to seckill_ops;
