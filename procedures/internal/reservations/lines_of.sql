-- A reservation remembers pools and slots; people think in skus. Slots of one pool are added up;
-- a line of which nothing is left is none.
create or replace function seckill_private.lines_of (
  p_pool_ids bigint[],
  p_quantities integer[]
)
  returns seckill.reservation_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill.reservation_result;
begin
  select min(l.region), array_agg(l.sku order by l.sku collate "C"),
         array_agg(l.quantity order by l.sku collate "C")
    into v_lines.region, v_lines.skus, v_lines.quantities
    from (select p.region, p.sku, sum(u.quantity)::integer as quantity
            from unnest(p_pool_ids, p_quantities) as u (pool_id, quantity)
            join seckill_private.pool as p on p.pool_id = u.pool_id
           group by p.region, p.sku
          having sum(u.quantity) > 0) as l;
  return v_lines;
end
$function$;

comment on function seckill_private.lines_of (bigint[], integer[]) is
  'Region, skus and quantities of a reservation''s units, sorted by sku; the other fields stay '
  'null.';
