-- What a refund asks for, in one form, so that a repeat can be compared: merged by sku and sorted.
-- Quantities without skus are those of the lines as they were reserved. Skus without quantities ask
-- for all that remains of them; neither, for all that remains: then the fields stay null. They do,
-- too, where quantities alone are not as many as the lines.
create or replace function seckill_private.asked_lines (
  p_reservation seckill_private.reservation,
  p_skus text[],
  p_quantities integer[]
)
  returns seckill.reservation_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_asked seckill.reservation_result;
  v_skus text[] := p_skus;
begin
  if p_skus is null and p_quantities is not null then
    v_skus := (seckill_private.lines_of(
      p_reservation.pool_ids, p_reservation.quantities)).skus;
    if cardinality(v_skus) <> cardinality(p_quantities) then
      return null;
    end if;
  end if;
  select array_agg(l.sku order by l.sku collate "C"),
         case when p_quantities is not null then array_agg(l.units order by l.sku collate "C") end
    into v_asked.skus, v_asked.quantities
    from (select u.sku, least(sum(u.quantity), 2147483647)::integer as units
            from unnest(v_skus, p_quantities) as u (sku, quantity)
           group by u.sku) as l;
  return v_asked;
end
$function$;

comment on function seckill_private.asked_lines (
  seckill_private.reservation, text[], integer[]) is
  'The lines that a refund names, merged and sorted by sku; the other fields stay null.';
