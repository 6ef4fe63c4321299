-- Nothing waits for a sweeper: a hold that has ended is worth nothing, swept or not. It keeps the
-- counters close to that and the index of open holds short.
create or replace function seckill.expire_due (
  p_limit integer default 1000,
  p_actor text default null
)
  returns integer
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
  perform seckill_private.begin_write();
  perform seckill_private.require_limit(p_limit);
  perform seckill_private.optional_text('p_actor', p_actor);
  return seckill_private.expire_due_at(null, p_limit, p_actor);
end
$function$;

comment on function seckill.expire_due (integer, text) is
  'Give the units of holds that have ended back to their pools, in the books too; how many holds. '
  'p_limit: holds, 1 to 10000. Several may run at once. Raises SK001, SK005.';
grant execute on function seckill.expire_due (integer, text) to seckill_ops;
