-- The counter's row is locked until commit: revisions become visible in their order.
-- Locks: the revision counter.
create or replace function seckill_private.end_limit (
  p_activity_id bigint,
  p_name text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_revision bigint;
begin
  update seckill_private.limits_revision as r
     set revision = r.revision + 1
  returning r.revision into strict v_revision;
  update seckill_private.limit_version as l
     set until_revision = v_revision
   where l.activity_id is not distinct from p_activity_id
     and l.name = p_name
     and l.until_revision is null;
  return v_revision;
end
$function$;

comment on function seckill_private.end_limit (bigint, text) is
  'Begin a new revision of the limits, in which the limit of this name stands no more; its number.';
