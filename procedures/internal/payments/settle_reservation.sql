-- What a sweeper would have done already. Called with the reservation's row locked.
create or replace function seckill_private.settle_reservation (
  p_now timestamptz,
  p_reservation seckill_private.reservation
)
  returns seckill_private.reservation
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_reservation.state = 'held' and p_reservation.expires_at <= p_now then
    return seckill_private.resolve_reservation(
      p_now, p_reservation, 'expired', 'expire', 'held', 'available');
  end if;
  return p_reservation;
end
$function$;

comment on function seckill_private.settle_reservation (
  timestamptz, seckill_private.reservation) is
  'Expire a locked reservation if its hold has ended; the row as it is then.';
