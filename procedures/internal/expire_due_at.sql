-- Only activities with a slot whose next_expiry has passed are looked at.
create or replace function seckill_private.expire_due_at (
  p_now timestamptz,
  p_limit integer,
  p_actor text
)
  returns integer
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_expired integer;
  v_activity_ids bigint[] := array(
    select distinct p.activity_id
      from seckill_private.pool_slot as s
      join seckill_private.pool as p on p.pool_id = s.pool_id
     where s.next_expiry <= v_now
     order by p.activity_id);
begin
  v_expired := seckill_private.expire_holds(v_now, v_activity_ids, null, p_limit, p_actor);
  perform seckill_private.refresh_next_expiry(v_now, v_activity_ids);
  return v_expired;
end
$function$;

comment on function seckill_private.expire_due_at (timestamptz, integer, text) is
  'Settle up to p_limit ended holds of all activities; the body of seckill.expire_due.';
