-- Which of some activities nobody is buying in at this instant: no slot of their pools that are due
-- is locked. Found out by locking them, and undone at once, so that nothing is held back while the
-- caller picks its holds.
-- Locks: slots ascending, by SKIP LOCKED, given up again before it returns.
create or replace function seckill_private.free_activities (
  p_now timestamptz,
  p_activity_ids bigint[]
)
  returns bigint[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_free bigint[];
begin
  begin
    with due as (
      select p.activity_id, s.pool_id, s.slot
        from seckill_private.pool as p
        join seckill_private.pool_slot as s on s.pool_id = p.pool_id
       where p.activity_id = any (p_activity_ids)
         and (s.next_expiry <= p_now or s.next_release <= p_now)
    ), unlocked as (
      select s.pool_id, s.slot
        from seckill_private.pool_slot as s
       where (s.pool_id, s.slot) in (select d.pool_id, d.slot from due as d)
       order by s.pool_id, s.slot
         for update skip locked
    ), activity as (
      select d.activity_id, bool_and(u.pool_id is not null) as free
        from due as d
        left join unlocked as u on u.pool_id = d.pool_id
                               and u.slot = d.slot
       group by d.activity_id
    )
    select array_agg(a.activity_id order by a.activity_id) into v_free
      from activity as a
     where a.free;
    raise exception using errcode = 'triggered_action_exception';
  exception when triggered_action_exception then
    null;  -- the locks are gone, the variable stays
  end;
  return coalesce(v_free, array[]::bigint[]);
end
$function$;

comment on function seckill_private.free_activities (timestamptz, bigint[]) is
  'Those of some activities none of whose due slots is locked at this instant.';
