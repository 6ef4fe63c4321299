-- Answers: see seckill.cancel.
-- Locks: lock_reservation, then slots ascending.
create or replace function seckill_private.cancel_at (
  p_now timestamptz,
  p_user_id text,
  p_reservation_id bigint,
  p_reason text
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
  v_now timestamptz := seckill_private.now_at(
    p_now, v_row.pool_ids, seckill_private.activity_of(p_reservation_id), p_user_id);
begin
  v_row := seckill_private.settle_reservation(v_now, v_row);
  v_result.reservation_id := p_reservation_id;
  v_result.late := coalesce(v_row.late_status = 'confirmed', false);
  v_result.replayed := v_row.state = 'cancelled';
  if v_row.state = 'held' then
    v_row := seckill_private.resolve_reservation(
      v_now, v_row, 'cancelled', 'cancel', 'held', 'available', p_reason);
  end if;
  v_result.status := v_row.state;
  return v_result;
end
$function$;

comment on function seckill_private.cancel_at (timestamptz, text, bigint, text) is
  'Cancel a reservation at a given instant (null: the clock); the body of seckill.cancel.';
