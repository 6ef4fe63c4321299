-- A pool's queue has max_waiting places, and one for each who may be served at once (its slots); a
-- place is an advisory lock, had until the transaction ends and never waited for. Callers begin to
-- look at different places, so that a queue that is not full costs one look. An order of several
-- lines counts one as being served in each pool: it takes all slots.
create or replace function seckill_private.enter_queue (
  p_pool_ids bigint[],
  p_max_waiting integer,
  p_slots integer default 1
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_id bigint;
  v_place integer;
begin
  if p_max_waiting is null then
    return true;
  end if;
  <<pools>>
  foreach v_pool_id in array p_pool_ids loop
    for v_look in 1 .. p_max_waiting + p_slots loop
      v_place := (pg_backend_pid() + v_look) % (p_max_waiting + p_slots);
      continue pools when pg_try_advisory_xact_lock(
        seckill_private.lock_key('a place in the queue', v_pool_id || '/' || v_place));
    end loop;
    return false;
  end loop;
  return true;
end
$function$;

comment on function seckill_private.enter_queue (bigint[], integer, integer) is
  'Take a place in the queue of each pool; false where one is full. p_max_waiting: null for no '
  'bound.';
