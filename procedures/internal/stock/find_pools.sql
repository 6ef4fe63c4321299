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
  v_pool_ids bigint[] := seckill_private.pools_of_lines(p_activity_id, p_skus, p_region);
begin
  if array_position(v_pool_ids, null) is not null then
    perform seckill_private.raise_error(
      'SK003', 'activity ' || p_activity_id || ' does not sell this sku in this region');
  end if;
  return v_pool_ids;
end
$function$;

comment on function seckill_private.find_pools (bigint, text[], text) is
  'The same as pools_of_lines, where each must be there.';
