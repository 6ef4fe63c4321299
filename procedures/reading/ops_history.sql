-- A call on an activity that is unknown has no entries; that is no error here.
create or replace function seckill.ops_history (
  p_activity_id bigint default null,
  p_limit integer default 1000
)
  returns setof seckill.ops_entry
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.require_limit(p_limit);
  return query
    select e.at, e.actor, e.login, e.call, e.activity_id, e.arguments
      from seckill_private.ops_entry as e
     where p_activity_id is null
        or e.activity_id = p_activity_id
     order by e.entry_id desc
     limit p_limit;
end
$function$;

comment on function seckill.ops_history (bigint, integer) is
  'The journal of the calls that run a sale, newest first: of one activity, or of all (null), '
  'those on global limits and the inventory included. p_limit: rows, 1 to 10000. A call that '
  'changed nothing is not in it. Raises SK001.';
grant execute on function seckill.ops_history (bigint, integer)
   to seckill_read, seckill_app, seckill_ops;
