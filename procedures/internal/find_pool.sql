-- Raises: SK003.
create or replace function seckill_private.find_pool (
  p_activity_id bigint,
  p_sku text,
  p_region text
)
  returns bigint
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_id bigint;
begin
  select p.pool_id into v_pool_id
    from seckill_private.pool as p
   where p.activity_id = p_activity_id
     and p.sku = p_sku
     and p.region = p_region;
  if not found then
    perform seckill_private.raise_error(
      'SK003', 'activity ' || p_activity_id || ' does not sell this sku in this region');
  end if;
  return v_pool_id;
end
$function$;

comment on function seckill_private.find_pool (bigint, text, text) is
  'The pool of (activity, sku, region); regions are matched exactly.';
