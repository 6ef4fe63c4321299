-- What a pool holds at an instant: the counters, with the units of ended holds given back, to the
-- inventory where the activity is closed or the pool owes units, and due releases made. Holds and
-- releases are looked at only where one may be due.
create or replace function seckill_private.pool_balance (
  p_activity_id bigint,
  p_pool_id bigint,
  p_now timestamptz
)
  returns seckill.availability_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_balance seckill.availability_result;
  v_slots record;
  v_due bigint := 0::bigint;
  v_lost bigint;
  v_released bigint := 0::bigint;
begin
  select sum(s.total)::bigint as total, sum(s.available)::bigint as available,
         sum(s.held)::bigint as held, sum(s.sold)::bigint as sold, sum(s.epoch)::bigint as epoch,
         min(s.next_expiry) as next_expiry, min(s.next_release) as next_release,
         bool_or(s.closed) as closed, sum(s.owed)::bigint as owed
    into v_slots
    from seckill_private.pool_slot as s
   where s.pool_id = p_pool_id;
  if v_slots.next_expiry <= p_now then
    v_due := seckill_private.due_units(p_activity_id, p_pool_id, p_now);
  end if;
  if v_slots.next_release <= p_now then
    v_released := seckill_private.due_releases(p_pool_id, p_now);
  end if;
  v_lost := case when v_slots.closed then v_due else least(v_due, v_slots.owed) end;
  v_balance.total := v_slots.total - v_lost;
  v_balance.available := v_slots.available + v_released + v_due - v_lost;
  v_balance.held := v_slots.held - v_due;
  v_balance.sold := v_slots.sold;
  v_balance.epoch := v_slots.epoch;
  return v_balance;
end
$function$;

comment on function seckill_private.pool_balance (bigint, bigint, timestamptz) is
  'The units of a pool at an instant, all slots together; status is left null.';
