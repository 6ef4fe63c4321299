-- Subjects are not compared: a phone number corrected between two tries is still the same purchase.
create or replace function seckill_private.same_request (
  p_reservation seckill_private.reservation,
  p_user_id text,
  p_region text,
  p_skus text[],
  p_quantities integer[]
)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill.reservation_result :=
    seckill_private.lines_of(p_reservation.pool_ids, p_reservation.quantities);
begin
  return p_reservation.user_id = p_user_id
     and v_lines.region = p_region
     and v_lines.skus = p_skus
     and v_lines.quantities = p_quantities;
end
$function$;

comment on function seckill_private.same_request (
  seckill_private.reservation, text, text, text[], integer[]) is
  'Whether a reservation was made by this user for this region and these lines (merged, sorted by '
  'sku).';
