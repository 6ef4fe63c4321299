-- A sku may have several lines, one for each slot: units are taken from the first that has some.
-- Null when a line has fewer left, or is not in the reservation.
create or replace function seckill_private.refund_units (
  p_reservation seckill_private.reservation,
  p_skus text[],
  p_quantities integer[]
)
  returns integer[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_units integer[];
  v_skus text[];
begin
  select array_agg(
           case
             when p_skus is null or a.sku is not null and a.quantity is null then l.remains
             else greatest(0, least(l.remains, coalesce(a.quantity, 0) - l.before))
           end::integer order by l.line),
         array_agg(l.sku order by l.line)
    into v_units, v_skus
    from (select u.line, p.sku, m.remains,
                 sum(m.remains) over (partition by p.sku order by u.line) - m.remains as before
            from unnest(p_reservation.pool_ids, p_reservation.quantities, p_reservation.refunded)
                   with ordinality as u (pool_id, quantity, refunded, line)
            join seckill_private.pool as p on p.pool_id = u.pool_id
           cross join lateral (
                   select u.quantity - coalesce(u.refunded, 0) as remains) as m) as l
    left join unnest(p_skus, p_quantities) as a (sku, quantity) on a.sku = l.sku;
  if exists (
    select from unnest(p_skus, p_quantities) as a (sku, quantity)
      left join (select t.sku, sum(t.units) as units
                   from unnest(v_skus, v_units) as t (sku, units)
                  group by t.sku) as t on t.sku = a.sku
     where coalesce(t.units, 0) = 0 or t.units < a.quantity
  ) then
    return null;
  end if;
  return v_units;
end
$function$;

comment on function seckill_private.refund_units (
  seckill_private.reservation, text[], integer[]) is
  'How many units of each line of a reservation a refund takes; null when too few remain.';
