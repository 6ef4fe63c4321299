-- The same sku on two lines of an order is one line: else each would pass a limit that their sum
-- exceeds. Raises: SK001 when the sum of a sku is no integer any more.
create or replace function seckill_private.merge_lines (
  p_skus text[],
  p_quantities integer[]
)
  returns seckill.reservation_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill.reservation_result;
  v_most bigint;
begin
  select array_agg(l.sku order by l.sku collate "C"),
         array_agg(least(l.quantity, 2147483647)::integer order by l.sku collate "C"),
         max(l.quantity)
    into v_lines.skus, v_lines.quantities, v_most
    from (select u.sku, sum(u.quantity)::bigint as quantity
            from unnest(p_skus, p_quantities) as u (sku, quantity)
           group by u.sku) as l;
  if v_most > 2147483647 then
    perform seckill_private.raise_error('SK001', 'the quantities of a sku add up to too many');
  end if;
  return v_lines;
end
$function$;

comment on function seckill_private.merge_lines (text[], integer[]) is
  'The lines of an order, one for each sku, sorted by sku; the other fields stay null.';
