-- Locks: the activity.
create or replace function seckill.remove_eligible (
  p_activity_id bigint,
  p_dimension text,
  p_values text[],
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
  return seckill_private.change_list(
    p_activity_id, 'remove_eligible', 'removed', 'eligible', p_dimension, p_values, false, p_actor);
end
$function$;

comment on function seckill.remove_eligible (bigint, text, text[], text) is
  'Take subjects off the list of those who may buy. An emptied list that is required lets nobody '
  'in. p_dimension: user, or any key of p_subjects. p_values: 1 to 10000, stored as digests. '
  'quantity: values that changed. status: removed; replayed where nothing changed. Raises SK001, '
  'SK002, SK005, SK006 (closed).';
grant execute on function seckill.remove_eligible (bigint, text, text[], text) to seckill_ops;
