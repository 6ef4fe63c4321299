-- Short of units while somebody else is settling ended holds is no answer, since late_sold_out is
-- final: that is an error, and the caller asks again.
-- Raises: 55P03.
-- Locks: due holds by SKIP LOCKED, where units lack; the slots of the reservation, ascending.
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
begin
  if seckill_private.lock_units(
       p_now, p_activity_id, p_reservation.pool_ids, p_reservation.quantities) then
    return true;
  end if;
  for v_line in
    select u.pool_id, u.quantity
      from unnest(p_reservation.pool_ids, p_reservation.quantities) as u (pool_id, quantity)
  loop
    if (seckill_private.pool_balance(p_activity_id, v_line.pool_id, p_now)).available
       < v_line.quantity then
      return false;
    end if;
  end loop;
  perform seckill_private.raise_error('55P03', 'holds that have ended are being settled');
end
$function$;

comment on function seckill_private.lock_available (
  timestamptz, bigint, seckill_private.reservation) is
  'Lock the slots of a reservation; whether they have its units available once more.';
