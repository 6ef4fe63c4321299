-- Instants go into the journal in UTC, so that a repeat from a session in another zone is the same
-- call.
create or replace function seckill.create_activity (
  p_name text,
  p_starts_at timestamptz,
  p_ends_at timestamptz,
  p_hold_seconds integer default 900,
  p_time_zone text default 'UTC',
  p_request_id uuid default null,
  p_actor text default null
)
  returns bigint
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
  v_arguments jsonb;
  v_answer jsonb;
  v_activity_id bigint;
begin
  perform seckill_private.begin_write();
  perform seckill_private.validate_activity(p_name, p_starts_at, p_ends_at, p_hold_seconds);
  perform seckill_private.require_time_zone(p_time_zone);
  perform seckill_private.optional_text('p_actor', p_actor);
  v_arguments := jsonb_build_object(
    'name', p_name, 'starts_at', p_starts_at at time zone 'UTC',
    'ends_at', p_ends_at at time zone 'UTC', 'hold_seconds', p_hold_seconds,
    'time_zone', p_time_zone);
  v_answer := seckill_private.ops_replay('create_activity', p_request_id, v_arguments);
  if v_answer is not null then
    return (v_answer ->> 'activity_id')::bigint;
  end if;
  insert into seckill_private.activity (
    name, starts_at, ends_at, hold_seconds, time_zone, created_at)
  values (p_name, p_starts_at, p_ends_at, p_hold_seconds, p_time_zone, clock_timestamp())
  returning activity_id into v_activity_id;
  perform seckill_private.ensure_partition(v_activity_id);
  perform seckill_private.ops_record(
    'create_activity', v_activity_id, p_request_id, v_arguments,
    jsonb_build_object('activity_id', v_activity_id), p_actor);
  return v_activity_id;
end
$function$;

comment on function seckill.create_activity (
  text, timestamptz, timestamptz, integer, text, uuid, text) is
  'Create an activity, as a draft; its id. It sells from p_starts_at until before p_ends_at (years '
  '1970 to 9998), once it is opened. p_hold_seconds: how long a hold lasts unpaid, 1 to 2592000. '
  'p_time_zone: a name that PostgreSQL knows; days turn over at its midnight; it never changes. '
  'p_request_id: a repeat gives the same id. p_actor: who asked, kept in the books. Raises SK001, '
  'SK004, SK005.';
grant execute on function seckill.create_activity (
  text, timestamptz, timestamptz, integer, text, uuid, text) to seckill_ops;
