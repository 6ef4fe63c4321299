-- Which limits, and in which windows: limit_checks. What the subjects have done since the payment
-- read the clock is seen, so the decision is no older than that (seen_at).
create or replace function seckill_private.late_check (
  p_sale seckill_private.sale,
  p_reservation seckill_private.reservation,
  p_now timestamptz
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_lines seckill.reservation_result :=
    seckill_private.lines_of(p_reservation.pool_ids, p_reservation.quantities);
begin
  select min(c.answer), greatest(max(c.seen_at), p_now)
    into v_check.answer, v_check.seen_at
    from seckill_private.limit_checks(
           p_sale, p_reservation.user_id, p_reservation.subjects, v_lines.skus,
           v_lines.quantities, p_now, p_reservation.created_at, p_reservation.reservation_id) as c;
  return v_check;
end
$function$;

comment on function seckill_private.late_check (
  seckill_private.sale, seckill_private.reservation, timestamptz) is
  'Whether a limit forbids that an expired reservation is paid late, and when that was decided.';
