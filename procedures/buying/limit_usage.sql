-- A read: nothing is locked, so beside a rush the numbers were true at some moment of the call.
create or replace function seckill.limit_usage (
  p_activity_id bigint,
  p_user_id text,
  p_subjects jsonb default '{}'
)
  returns setof seckill.check_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
begin
  perform seckill_private.validate_buyer(p_activity_id, p_user_id);
  return query
    select c.*
      from seckill_private.usage_checks_at(
             null, p_activity_id, p_user_id, seckill_private.subject_digests(p_subjects)) as c;
end
$function$;

comment on function seckill.limit_usage (bigint, text, jsonb) is
  'What these subjects have used of each limit of an activity, global ones included, by name: '
  'used, maximum and remaining (units, orders or holds), resets_at. status: pass while one more is '
  'allowed. Limits on dimensions that p_subjects does not name are left out. Raises SK001, SK002.';
grant execute on function seckill.limit_usage (bigint, text, jsonb) to seckill_app;
