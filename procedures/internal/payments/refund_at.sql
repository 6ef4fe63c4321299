-- Answers: see seckill.refund. A repeat is found by its request id; to ask again for all, with any
-- id or none, when nothing is left is a repeat too.
-- Locks: lock_reservation, then slots ascending, then inventory rows.
-- Raises: SK004; SK006 unless confirmed; SK001 when fewer units remain.
create or replace function seckill_private.refund_at (
  p_now timestamptz,
  p_user_id text,
  p_reservation_id bigint,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_restock boolean,
  p_restore_limits boolean
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
  v_asked seckill.reservation_result :=
    seckill_private.asked_lines(v_row, p_skus, p_quantities);
  v_earlier seckill_private.refund := seckill_private.find_refund(p_reservation_id, p_request_id);
  v_units integer[];
begin
  if p_quantities is not null and v_asked.quantities is null then
    perform seckill_private.raise_error('SK001', 'p_quantities are not as many as the lines');
  elsif (v_earlier.asked_skus, v_earlier.asked_quantities, v_earlier.restock,
         v_earlier.restore_limits)
        is distinct from (v_asked.skus, v_asked.quantities, p_restock, p_restore_limits)
        and v_earlier.status is not null then
    perform seckill_private.raise_error('SK004', 'request ' || p_request_id);
  end if;
  v_result.status := v_earlier.status;
  if v_row.state = 'refunded' and p_skus is null and p_quantities is null then
    v_result.status := 'refunded';
  end if;
  v_result.reservation_id := p_reservation_id;
  v_result.replayed := v_result.status is not null;
  v_result.late := coalesce(v_row.late_status = 'confirmed', false);
  if v_result.replayed then
    return v_result;
  elsif v_row.state <> 'confirmed' then
    perform seckill_private.raise_error('SK006', 'the reservation is '
      || seckill_private.state_at(v_row.state, v_row.expires_at, v_now));
  end if;
  v_units := seckill_private.refund_units(v_row, v_asked.skus, v_asked.quantities);
  if v_units is null then
    perform seckill_private.raise_error('SK001', 'fewer units remain than are to be refunded');
  end if;
  v_result.status := seckill_private.take_refund(
    v_now, v_row, p_request_id, v_asked, v_units, p_restock, p_restore_limits);
  return v_result;
end
$function$;

comment on function seckill_private.refund_at (
  timestamptz, text, bigint, text[], integer[], uuid, boolean, boolean) is
  'Refund a reservation at a given instant (null: the clock); the body of seckill.refund.';
