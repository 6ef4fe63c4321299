-- Answers: see seckill.confirm. A hold that has ended without being swept is settled first, so that
-- the books show both steps.
-- The other subjects of the reservation are locked before the clock is read, as a purchase does: else
-- somebody who shares one could take the hold for ended while it is being paid.
-- Locks: lock_reservation; the subjects of the reservation (only its buyer's calls wait for its row,
--   so that they come after it does no harm); slots ascending.
create or replace function seckill_private.confirm_at (
  p_now timestamptz,
  p_user_id text,
  p_reservation_id bigint,
  p_payment_ref text
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.resolve_result;
  v_row seckill_private.reservation :=
    seckill_private.lock_reservation(p_user_id, p_reservation_id);
  v_activity_id bigint := seckill_private.activity_of(p_reservation_id);
  v_sale seckill_private.sale := seckill_private.load_sale(v_activity_id);
  v_now timestamptz;
begin
  perform seckill_private.lock_digests(v_row.subjects, v_sale.limits);
  v_now := seckill_private.now_at(p_now, v_row.pool_ids, v_activity_id, p_user_id);
  v_row := seckill_private.settle_reservation(v_now, v_row);
  v_result.reservation_id := p_reservation_id;
  v_result.late := coalesce(v_row.late_status = 'confirmed', false);
  v_result.replayed := false;
  case v_row.state
    when 'held' then
      perform seckill_private.resolve_reservation(
        v_now, v_row, 'confirmed', 'confirm', 'held', 'sold', p_payment_ref);
      v_result.status := 'confirmed';
    when 'confirmed' then
      if p_payment_ref is null or p_payment_ref = v_row.payment_ref then
        v_result.status := 'confirmed';
        v_result.replayed := true;
      else
        v_result.status := 'duplicate_payment';
        v_result.replayed := seckill_private.record_payment(
          v_now, v_row, v_result.status, p_payment_ref);
      end if;
    when 'expired' then
      if v_row.late_status is null then
        v_result.status := seckill_private.confirm_late(
          v_now, v_sale, v_row, p_payment_ref);
      else
        v_result.status := v_row.late_status;
        v_result.replayed := true;
        perform seckill_private.record_payment(v_now, v_row, v_result.status, p_payment_ref);
      end if;
      v_result.late := v_result.status = 'confirmed';
    else
      v_result.status := v_row.state;
  end case;
  return v_result;
end
$function$;

comment on function seckill_private.confirm_at (timestamptz, text, bigint, text) is
  'Confirm a reservation at a given instant (null: the clock); the body of seckill.confirm.';
