-- Regions are matched exactly.
create or replace function seckill_private.pools_of_lines (
  p_activity_id bigint,
  p_skus text[],
  p_region text
)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return array(
    select p.pool_id
      from unnest(p_skus) with ordinality as l (sku, line)
      left join seckill_private.pool as p
        on p.activity_id = p_activity_id
       and p.sku = l.sku
       and p.region = p_region
     order by l.line);
end
$function$;

comment on function seckill_private.pools_of_lines (bigint, text[], text) is
  'The pools of some skus in a region of an activity, in the order of the skus; null for one that '
  'is not there.';
