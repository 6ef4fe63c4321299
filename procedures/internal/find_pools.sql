-- Raises: SK003.
create or replace function seckill_private.find_pools (
  p_activity_id bigint,
  p_skus text[],
  p_region text
)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_ids bigint[] := array(
    select p.pool_id
      from unnest(p_skus) with ordinality as l (sku, line)
      left join seckill_private.pool as p
        on p.activity_id = p_activity_id
       and p.sku = l.sku
       and p.region = p_region
     order by l.line);
begin
  if array_position(v_pool_ids, null) is not null then
    perform seckill_private.raise_error(
      'SK003', 'activity ' || p_activity_id || ' does not sell this sku in this region');
  end if;
  return v_pool_ids;
end
$function$;

comment on function seckill_private.find_pools (bigint, text[], text) is
  'The pools of some skus in a region of an activity, in the order of the skus; regions are '
  'matched exactly.';
