-- Called with the reservation's row locked, so a call that came first is seen.
create or replace function seckill_private.find_refund (
  p_reservation_id bigint,
  p_request_id uuid
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
   where f.activity_id = seckill_private.activity_of(p_reservation_id)
     and f.reservation_id = p_reservation_id
     and f.request_id = p_request_id;
  return v_refund;
end
$function$;

comment on function seckill_private.find_refund (bigint, uuid) is
  'The refund of a reservation that this request id led to, or null.';
