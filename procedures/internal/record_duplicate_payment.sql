-- True when this payment was recorded before: a repeated call writes no second event.
create or replace function seckill_private.record_duplicate_payment (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_payment_ref text
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if exists (
    select from seckill_private.movement as m
     where m.activity_id = seckill_private.activity_of(p_reservation.reservation_id)
       and m.reservation_id = p_reservation.reservation_id
       and m.kind = 'duplicate_payment'
       and m.note = p_payment_ref
  ) then
    return true;
  end if;
  perform seckill_private.record_event(p_now, p_reservation, 'duplicate_payment', p_payment_ref);
  return false;
end
$function$;

comment on function seckill_private.record_duplicate_payment (
  timestamptz, seckill_private.reservation, text) is
  'Leave an event for a second payment of a confirmed reservation; whether it was there already.';
