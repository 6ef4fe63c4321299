-- A payment that came after the hold had ended: the units are taken again if stock and limits
-- allow, in this order. Otherwise the refusal is final, and an event asks for the buyer's money to
-- be returned. A closed pool has nothing available, so late payments end with the activity. Only
-- limits on units and orders are asked: those against hoarding want holds to be paid.
-- Time: what the subjects did while the payment waited for the slots comes before it.
-- Raises: 55P03 when others have the units in hand that would do: nothing happened, try again.
-- Locks: slots ascending, all before the first is judged; due holds by SKIP LOCKED. The caller has
--   locked the subjects, by the limits of p_sale.
create or replace function seckill_private.confirm_late (
  p_now timestamptz,
  p_sale seckill_private.sale,
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
  v_now timestamptz := p_now;
  v_check seckill_private.check;
  v_status text;
begin
  if not seckill_private.lock_available(p_now, v_activity_id, p_reservation) then
    v_status := 'late_sold_out';
  else
    v_check := seckill_private.late_check(p_sale, p_reservation, v_now);
    if v_check.seen_at > v_now then
      v_now := v_check.seen_at;
      v_check := seckill_private.late_check(p_sale, p_reservation, v_now);
    end if;
    if v_check.answer is not null then
      v_status := 'late_limit_exceeded';
    end if;
  end if;
  update seckill_private.reservation as r
     set late_status = v_status,
         limits_revision = case
           when v_status is null then p_sale.limits_revision else r.limits_revision
         end
   where r.buyer_key = p_reservation.buyer_key
     and r.request_id = p_reservation.request_id
     and r.shard = p_reservation.shard
     and r.state = 'expired';
  if v_status is not null then
    perform seckill_private.record_event(v_now, p_reservation, v_status, p_payment_ref);
    return v_status;
  end if;
  perform seckill_private.gather_units(v_now, l.pool_id, l.quantity, l.slot)
     from unnest(seckill_private.unit_lines(p_reservation)) as l;
  perform seckill_private.resolve_reservation(
    v_now, p_reservation, 'confirmed', 'late_confirm', 'available', 'sold', p_payment_ref);
  return 'confirmed';
end
$function$;

comment on function seckill_private.confirm_late (
  timestamptz, seckill_private.sale, seckill_private.reservation, text) is
  'Decide a payment for an expired reservation: confirmed, late_sold_out or late_limit_exceeded.';
