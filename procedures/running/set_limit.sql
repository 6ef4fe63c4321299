-- A limit is never overwritten: its version ends and a new one begins, so that each purchase can be
-- judged by what stood when it was made. It counts what was bought before it was set.
-- Locks: the activity (none for a global limit), the revision counter.
create or replace function seckill.set_limit (
  p_activity_id bigint,
  p_name text,
  p_dimension text,
  p_metric text,
  p_window text,
  p_maximum bigint,
  p_sku text default null,
  p_period interval default null,
  p_time_zone text default null,
  p_required boolean default true,
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
  v_new seckill_private.limit_version;
begin
  v_new.activity_id := p_activity_id;
  v_new.name := p_name;
  v_new.dimension := p_dimension;
  v_new.metric := p_metric;
  v_new.window_kind := case
    when p_metric = 'open_holds' then coalesce(p_window, 'activity') else p_window
  end;
  v_new.maximum := p_maximum;
  v_new.sku := p_sku;
  v_new.period := p_period;
  v_new.time_zone := p_time_zone;
  v_new.required := p_required;
  perform seckill_private.validate_limit(
    p_activity_id, p_name, p_dimension, p_metric, v_new.window_kind, p_maximum, p_sku, p_period,
    p_time_zone, p_required);
  perform seckill_private.optional_text('p_actor', p_actor);
  perform seckill_private.lock_rules(p_activity_id);
  v_result.status := 'set';
  v_result.activity_id := p_activity_id;
  v_result.sku := p_sku;
  v_result.replayed := seckill_private.limit_stands(v_new);
  if v_result.replayed then
    return v_result;
  end if;
  v_new.since_revision := seckill_private.end_limit(p_activity_id, p_name);
  insert into seckill_private.limit_version select v_new.*;
  perform seckill_private.note_rules(p_activity_id);
  perform seckill_private.ops_record(
    'set_limit', p_activity_id, null,
    jsonb_strip_nulls(
      to_jsonb(v_new) - array['activity_id', 'since_revision', 'window_kind']
      || jsonb_build_object('window', v_new.window_kind)),
    to_jsonb(v_result), p_actor);
  return v_result;
end
$function$;

comment on function seckill.set_limit (
  bigint, text, text, text, text, bigint, text, interval, text, boolean, text) is
  'Set a limit, or change the one of that name: at most p_maximum of p_metric for each subject of '
  'p_dimension (user, or any key of p_subjects) in p_window, for one p_sku or for all (null). '
  'Several may apply; all must pass. p_metric: units; orders; open_holds (unpaid now; p_window is '
  'null or activity); expired_holds (ended unpaid, never given back). p_window: order, hour, day, '
  'week (from Monday), month, activity; rolling, the last p_period (days and shorter). '
  'p_time_zone: of the calendar, else the activity''s. p_required: a request that does not name '
  'the dimension is an error (SK001); false: it passes. p_activity_id null: a global limit, which '
  'counts across all activities unless its window is order or activity; an activity''s limit of '
  'that name stands in for it. A limit counts what was bought before; lowered below what is used, '
  'it keeps that and refuses more. status: set; replayed where it stood like this already. Raises '
  'SK001, SK002, SK005, SK006 (closed).';
grant execute on function seckill.set_limit (
  bigint, text, text, text, text, bigint, text, interval, text, boolean, text) to seckill_ops;
