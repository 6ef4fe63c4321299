-- What is wrong with the arguments of a purchase, as a caller should read it. In a batch it is one
-- row's own answer.
create or replace function seckill_private.fault_in_request (
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text
)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sku text;
  v_quantity integer;
begin
  if p_activity_id is null then
    return 'p_activity_id must not be null';
  elsif p_request_id is null then
    return 'p_request_id must not be null';
  elsif coalesce(cardinality(p_skus), 0) not between 1 and 50 then
    return 'p_skus must have 1 to 50 lines';
  elsif cardinality(p_skus) is distinct from cardinality(p_quantities)
     or array_ndims(p_skus) <> 1 or array_ndims(p_quantities) <> 1 then
    return 'p_skus and p_quantities must be of equal length';
  end if;
  foreach v_quantity in array p_quantities loop
    if v_quantity is null or v_quantity <= 0 then
      return 'p_quantity must be positive, is ' || coalesce(v_quantity::text, 'null');
    end if;
  end loop;
  foreach v_sku in array p_skus loop
    if seckill_private.fault_in_text('p_sku', v_sku) is not null then
      return seckill_private.fault_in_text('p_sku', v_sku);
    end if;
  end loop;
  return coalesce(
    seckill_private.fault_in_text('p_user_id', p_user_id),
    seckill_private.fault_in_text('p_region', p_region));
end
$function$;

comment on function seckill_private.fault_in_request (
  bigint, text, text[], integer[], uuid, text) is
  'Why no sale could take a purchase with these arguments, or null.';
