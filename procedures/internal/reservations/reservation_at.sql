-- The row has what became of it; each step has its instant, so what it was before can be told. What
-- was restored to the limits by then is in the refunds.
create or replace function seckill_private.reservation_at (
  p_reservation seckill_private.reservation,
  p_at timestamptz
)
  returns seckill_private.reservation
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation := p_reservation;
begin
  if v_row.refunded_at > p_at then
    v_row.state := 'confirmed';
    v_row.restored := (
      select array_agg(t.units order by t.line)
        from (select u.line, sum(u.units)::integer as units
                from seckill_private.refund as f
               cross join lateral unnest(f.quantities) with ordinality as u (units, line)
               where f.activity_id = seckill_private.activity_of(v_row.reservation_id)
                 and f.reservation_id = v_row.reservation_id
                 and f.restore_limits
                 and f.at <= p_at
               group by u.line) as t);
  end if;
  if v_row.state <> 'expired' and v_row.resolved_at > p_at then
    v_row.state := 'held';
    v_row.late_status := null;
  end if;
  return v_row;
end
$function$;

comment on function seckill_private.reservation_at (
  seckill_private.reservation, timestamptz) is
  'A reservation as its state and what it had given back to the limits stood at an instant.';
