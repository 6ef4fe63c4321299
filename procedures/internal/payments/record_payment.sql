-- True when this payment was recorded before: a repeated call writes no second event.
create or replace function seckill_private.record_payment (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_kind text,
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
       and m.kind = p_kind
       and (p_payment_ref is null or m.note = p_payment_ref)
  ) then
    return true;
  end if;
  perform seckill_private.record_event(p_now, p_reservation, p_kind, p_payment_ref);
  return false;
end
$function$;

comment on function seckill_private.record_payment (
  timestamptz, seckill_private.reservation, text, text) is
  'Leave an event for a payment that bought nothing, once; whether it was there already.';
