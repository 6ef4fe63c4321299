-- A payment that came after the hold had ended: the units are taken again if stock and limits
-- allow, in this order. Otherwise the refusal is final, and an event asks for the buyer's money
-- to be returned. A closed pool has nothing available, so late payments end with the activity.
-- Only limits on units and orders are asked: those against hoarding want holds to be paid.
-- Raises: 55P03 when others have the units in hand that would do: nothing happened, try again.
-- Locks: the subjects of the reservation (only its buyer's calls wait for its row, so that they
--   come after it does no harm); slots ascending, all before the first is judged; due holds by
--   SKIP LOCKED.
create or replace function seckill_private.confirm_late (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_payment_ref text
)
  returns text
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity_id bigint := seckill_private.activity_of(p_reservation.reservation_id);
  v_sale seckill_private.sale := seckill_private.load_sale(v_activity_id);
  v_status text;
begin
  perform seckill_private.lock_digests(p_reservation.subjects, v_sale.limits);
  if not seckill_private.lock_available(p_now, v_activity_id, p_reservation) then
    v_status := 'late_sold_out';
  elsif seckill_private.exceeds_limit(v_sale, p_reservation, p_now) then
    v_status := 'late_limit_exceeded';
  end if;
  update seckill_private.reservation as r
     set late_status = v_status,
         limits_revision = case
           when v_status is null then v_sale.limits_revision else r.limits_revision
         end
   where r.buyer_key = p_reservation.buyer_key
     and r.request_id = p_reservation.request_id
     and r.shard = p_reservation.shard
     and r.state = 'expired';
  if v_status is not null then
    perform seckill_private.record_event(p_now, p_reservation, v_status, p_payment_ref);
    return v_status;
  end if;
  perform seckill_private.resolve_reservation(
    p_now, p_reservation, 'confirmed', 'late_confirm', 'available', 'sold', p_payment_ref);
  return 'confirmed';
end
$function$;

comment on function seckill_private.confirm_late (
  timestamptz, seckill_private.reservation, text) is
  'Decide a payment for an expired reservation: confirmed, late_sold_out or late_limit_exceeded.';
