-- PL/pgSQL keeps its plan; before PostgreSQL 18 each call would plan a function of SQL anew.
-- By the index of open holds (reservation_due): the first that touches the pool ends the search. No
-- range of buyer_key here, in due_units and pick_due_holds: it would prune partitions, and tempt
-- the planner to read every hold by the other index and sort.
create or replace function seckill_private.first_expiry (
  p_activity_id bigint,
  p_pool_id bigint,
  p_after timestamptz
)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return (
    select r.expires_at
      from seckill_private.reservation as r
     where r.state = 'held'
       and (r.buyer_key >> 40) = p_activity_id
       and r.expires_at > p_after
       and p_pool_id = any (r.pool_ids)
     order by r.expires_at
     limit 1);
end
$function$;

comment on function seckill_private.first_expiry (bigint, bigint, timestamptz) is
  'When the first hold on a pool ends that is open after an instant; null where there is none.';
