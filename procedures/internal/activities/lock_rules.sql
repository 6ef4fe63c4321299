-- A rule of one activity is changed under the activity's lock; a global one (null) needs none but
-- the revision counter's, which whoever changes a limit takes.
-- Locks: the activity. Raises: SK002, SK005, SK006 (closed).
create or replace function seckill_private.lock_rules (
  p_activity_id bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_activity_id is null then
    perform seckill_private.begin_write();
    perform from seckill_private.limits_revision as r for update;
  else
    perform seckill_private.lock_activity(p_activity_id);
  end if;
end
$function$;

comment on function seckill_private.lock_rules (bigint) is
  'Lock what stands before a change of limits: an activity, or the limits of all (null).';
