-- Locks: lock_reservation, then slots ascending.
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
begin
  return seckill_private.confirm_locked(
    seckill_private.now_at(
      p_now, v_row.pool_ids, seckill_private.activity_of(p_reservation_id), p_user_id),
    v_row, p_payment_ref);
end
$function$;

comment on function seckill_private.confirm_at (timestamptz, text, bigint, text) is
  'Confirm a reservation at a given instant (null: the clock); the body of seckill.confirm.';
