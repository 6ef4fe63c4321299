-- Called with the reservation's row locked, so a call that came first is seen.
-- Raises: SK004 when the request id stands for other lines, or other switches.
create or replace function seckill_private.find_refund (
  p_reservation seckill_private.reservation,
  p_request_id uuid,
  p_asked seckill.reservation_result,
  p_restock boolean,
  p_restore_limits boolean
)
  returns seckill_private.refund
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_refund seckill_private.refund;
begin
  select f.* into v_refund
    from seckill_private.refund as f
   where f.activity_id = seckill_private.activity_of(p_reservation.reservation_id)
     and f.reservation_id = p_reservation.reservation_id
     and f.request_id = p_request_id;
  if found and (
    v_refund.asked_skus is distinct from p_asked.skus
    or v_refund.asked_quantities is distinct from p_asked.quantities
    or v_refund.restock <> p_restock
    or v_refund.restore_limits <> p_restore_limits
  ) then
    perform seckill_private.raise_error('SK004', 'request ' || p_request_id);
  end if;
  return v_refund;
end
$function$;

comment on function seckill_private.find_refund (
  seckill_private.reservation, uuid, seckill.reservation_result, boolean, boolean) is
  'The refund of a reservation that this request id led to, or null.';
