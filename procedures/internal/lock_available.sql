-- Short of units while somebody else is settling ended holds is no answer, since late_sold_out is
-- final: that is an error, and the caller asks again.
-- Raises: 55P03.
-- Locks: the slots of a reservation, ascending; due holds by SKIP LOCKED, where units lack.
create or replace function seckill_private.lock_available (
  p_now timestamptz,
  p_activity_id bigint,
  p_reservation seckill_private.reservation
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_line record;
  v_balance seckill.availability_result;
begin
  perform from seckill_private.pool_slot as s
    where s.pool_id = any (p_reservation.pool_ids)
    order by s.pool_id, s.slot
      for update;
  for v_line in
    select u.pool_id, u.slot, u.quantity
      from unnest(p_reservation.pool_ids, p_reservation.slots, p_reservation.quantities)
        as u (pool_id, slot, quantity)
      join seckill_private.pool_slot as s on s.pool_id = u.pool_id and s.slot = u.slot
     where s.available < u.quantity
     order by u.pool_id, u.slot
  loop
    perform seckill_private.expire_holds(
      p_now, array[p_activity_id], v_line.pool_id, least(greatest(v_line.quantity, 100), 10000));
  end loop;
  for v_line in
    select u.pool_id, u.quantity
      from unnest(p_reservation.pool_ids, p_reservation.slots, p_reservation.quantities)
        as u (pool_id, slot, quantity)
      join seckill_private.pool_slot as s on s.pool_id = u.pool_id and s.slot = u.slot
     where s.available < u.quantity
  loop
    v_balance := seckill_private.pool_balance(p_activity_id, v_line.pool_id, p_now);
    if v_balance.available >= v_line.quantity then
      perform seckill_private.raise_error('55P03', 'holds that have ended are being settled');
    end if;
    return false;
  end loop;
  return true;
end
$function$;

comment on function seckill_private.lock_available (
  timestamptz, bigint, seckill_private.reservation) is
  'Lock the slots of a reservation; whether they have its units available once more.';
