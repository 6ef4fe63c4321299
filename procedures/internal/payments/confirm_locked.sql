-- Answers: see seckill.confirm. A hold that has ended without being swept is settled first, so that
-- the books show both steps.
-- Locks: slots ascending, and where the hold has ended all those of the activity at once, and the
--   inventory of pools in debt: the hold's own units may go on to it, and then confirm_late settles
--   other holds, of which one may touch any pool. The caller has the reservation, its user and its
--   subjects.
create or replace function seckill_private.confirm_locked (
  p_now timestamptz,
  p_sale seckill_private.sale,
  p_reservation seckill_private.reservation,
  p_payment_ref text
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.resolve_result;
  v_row seckill_private.reservation;
begin
  if p_reservation.state = 'held' and p_reservation.expires_at <= p_now then
    perform seckill_private.lock_stock(array(
      select p.pool_id
        from seckill_private.pool as p
       where p.activity_id = seckill_private.activity_of(p_reservation.reservation_id)));
  end if;
  v_row := seckill_private.settle_reservation(p_now, p_reservation);
  v_result.reservation_id := v_row.reservation_id;
  v_result.late := coalesce(v_row.late_status = 'confirmed', false);
  v_result.replayed := false;
  case v_row.state
    when 'held' then
      perform seckill_private.resolve_reservation(
        p_now, v_row, 'confirmed', 'confirm', 'held', 'sold', p_payment_ref);
      v_result.status := 'confirmed';
    when 'confirmed' then
      if p_payment_ref is null or p_payment_ref = v_row.payment_ref then
        v_result.status := 'confirmed';
        v_result.replayed := true;
      else
        v_result.status := 'duplicate_payment';
        v_result.replayed := seckill_private.record_payment(
          p_now, v_row, v_result.status, p_payment_ref);
      end if;
    when 'expired' then
      if v_row.late_status is null then
        v_result.status := seckill_private.confirm_late(
          p_now, p_sale, v_row, p_payment_ref);
      else
        v_result.status := v_row.late_status;
        v_result.replayed := true;
        perform seckill_private.record_payment(p_now, v_row, v_result.status, p_payment_ref);
      end if;
      v_result.late := v_result.status = 'confirmed';
    else
      v_result.status := v_row.state;
  end case;
  return v_result;
end
$function$;

comment on function seckill_private.confirm_locked (
  timestamptz, seckill_private.sale, seckill_private.reservation, text) is
  'Decide a payment for a reservation that the caller has locked.';
