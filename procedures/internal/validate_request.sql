-- Raises: SK001.
create or replace function seckill_private.validate_request (
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sku text;
  v_quantity integer;
begin
  perform seckill_private.validate_buyer(p_activity_id, p_user_id);
  if cardinality(p_skus) not between 1 and 50 then
    perform seckill_private.raise_error('SK001', 'p_skus must have 1 to 50 lines');
  elsif cardinality(p_skus) is distinct from cardinality(p_quantities)
     or array_ndims(p_skus) <> 1 or array_ndims(p_quantities) <> 1 then
    perform seckill_private.raise_error('SK001', 'p_skus and p_quantities must be of equal length');
  end if;
  foreach v_sku in array coalesce(p_skus, array[null]) loop
    perform seckill_private.require_text('p_sku', v_sku);
  end loop;
  foreach v_quantity in array p_quantities loop
    if v_quantity is null or v_quantity <= 0 then
      perform seckill_private.raise_error(
        'SK001', 'p_quantity must be positive, is ' || coalesce(v_quantity::text, 'null'));
    end if;
  end loop;
  perform seckill_private.require_text('p_region', p_region);
  if p_request_id is null then
    perform seckill_private.raise_error('SK001', 'p_request_id must not be null');
  end if;
end
$function$;

comment on function seckill_private.validate_request (
  bigint, text, text[], integer[], uuid, text) is
  'Refuse the arguments of a purchase that no sale could take.';
