-- next_expiry is only a lower bound: the hold it stood for may have been paid. Once a sweep has
-- passed, it is set to what is true. The slot is locked first and read again in a later statement,
-- since a hold that was taken in between would be missed otherwise.
-- Locks: slots ascending, by SKIP LOCKED: who is busy selling is refreshed by the next sweep.
create or replace function seckill_private.refresh_next_expiry (
  p_now timestamptz,
  p_activity_ids bigint[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_ids bigint[];
  v_slots smallint[];
begin
  select array_agg(d.pool_id), array_agg(d.slot) into v_pool_ids, v_slots
    from (select s.pool_id, s.slot
            from seckill_private.pool as p
            join seckill_private.pool_slot as s on s.pool_id = p.pool_id
           where p.activity_id = any (p_activity_ids)
             and s.next_expiry <= p_now
           order by s.pool_id, s.slot
             for update of s skip locked) as d;
  update seckill_private.pool_slot as s
     set next_expiry = coalesce(
           seckill_private.first_expiry(p.activity_id, p.pool_id, '-infinity'), 'infinity')
    from seckill_private.pool as p
   where p.pool_id = s.pool_id
     and s.pool_id = any (v_pool_ids)
     and (s.pool_id, s.slot) in (
           select u.pool_id, u.slot from unnest(v_pool_ids, v_slots) as u (pool_id, slot))
     and s.next_expiry <= p_now;
end
$function$;

comment on function seckill_private.refresh_next_expiry (timestamptz, bigint[]) is
  'Set next_expiry of the slots of some activities to the end of their first open hold.';
