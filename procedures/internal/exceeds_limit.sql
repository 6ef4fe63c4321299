-- Which limits, and in which windows: limit_checks.
create or replace function seckill_private.exceeds_limit (
  p_sale seckill_private.sale,
  p_reservation seckill_private.reservation,
  p_now timestamptz
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
  return exists (
    select from seckill_private.limit_checks(
           p_sale, p_reservation.user_id, p_reservation.subjects, v_lines.skus,
           v_lines.quantities, p_now, p_reservation.created_at, p_reservation.reservation_id) as c
     where c.answer is not null);
end
$function$;

comment on function seckill_private.exceeds_limit (
  seckill_private.sale, seckill_private.reservation, timestamptz) is
  'Whether a limit forbids that an expired reservation is paid late.';
