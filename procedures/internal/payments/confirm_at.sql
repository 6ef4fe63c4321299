-- The other subjects of the reservation are locked before the clock is read, as a purchase does:
-- else somebody who shares one could take the hold for ended while it is being paid.
-- Locks: lock_reservation; the subjects of the reservation (only its buyer's calls wait for its
--   row, so that they come after it does no harm); slots ascending.
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
  v_row seckill_private.reservation :=
    seckill_private.lock_reservation(p_user_id, p_reservation_id);
  v_activity_id bigint := seckill_private.activity_of(p_reservation_id);
  v_sale seckill_private.sale := seckill_private.load_sale(v_activity_id);
begin
  perform seckill_private.lock_digests(v_row.subjects, v_sale.limits);
  return seckill_private.confirm_locked(
    seckill_private.now_at(p_now, v_row.pool_ids, v_activity_id, p_user_id), v_sale, v_row,
    p_payment_ref);
end
$function$;

comment on function seckill_private.confirm_at (timestamptz, text, bigint, text) is
  'Confirm a reservation at a given instant (null: the clock); the body of seckill.confirm.';
