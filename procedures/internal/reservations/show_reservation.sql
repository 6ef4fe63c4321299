-- Once all was refunded it reads as it was bought, as one that was cancelled does.
-- Reads only. Whether the row is on disk is the caller's business (read_reservation).
create or replace function seckill_private.show_reservation (
  p_reservation seckill_private.reservation,
  p_now timestamptz
)
  returns seckill.reservation_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reservation_result := seckill_private.lines_of(
    p_reservation.pool_ids,
    case p_reservation.state
      when 'refunded' then p_reservation.quantities
      else seckill_private.remaining(p_reservation.quantities, p_reservation.refunded)
    end);
begin
  v_result.status :=
    seckill_private.state_at(p_reservation.state, p_reservation.expires_at, p_now);
  v_result.reservation_id := p_reservation.reservation_id;
  v_result.activity_id := seckill_private.activity_of(p_reservation.reservation_id);
  v_result.user_id := p_reservation.user_id;
  v_result.request_id := p_reservation.request_id;
  v_result.expires_at := p_reservation.expires_at;
  v_result.created_at := p_reservation.created_at;
  v_result.resolved_at := p_reservation.resolved_at;
  if v_result.status = 'expired' then
    v_result.resolved_at := p_reservation.expires_at;
  elsif v_result.status = 'refunded' then
    v_result.resolved_at := p_reservation.refunded_at;
  end if;
  v_result.payment_ref := p_reservation.payment_ref;
  return v_result;
end
$function$;

comment on function seckill_private.show_reservation (seckill_private.reservation, timestamptz) is
  'A reservation as its buyer sees it at an instant.';
