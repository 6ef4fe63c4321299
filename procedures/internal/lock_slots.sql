-- For calls that run a sale: all slots of an activity, since what they settle or cancel may have
-- lines in any of its pools. Buyers wait meanwhile.
-- Locks: the slots of the activity ascending.
create or replace function seckill_private.lock_slots (
  p_activity_id bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform from seckill_private.pool_slot as s
    where s.pool_id = any (array(
            select p.pool_id from seckill_private.pool as p where p.activity_id = p_activity_id))
    order by s.pool_id, s.slot
      for update;
end
$function$;

comment on function seckill_private.lock_slots (bigint) is
  'Lock all slots of an activity.';
