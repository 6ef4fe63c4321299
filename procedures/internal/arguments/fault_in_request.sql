-- What is wrong with the arguments of a purchase, as a caller should read it.
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
  v_fault text := seckill_private.fault_in_buyer(
    p_activity_id, p_request_id, p_user_id, p_region);
begin
  if v_fault is not null then
    return v_fault;
  elsif coalesce(cardinality(p_skus), 0) not between 1 and 50 then
    return 'p_skus must have 1 to 50 lines';
  elsif cardinality(p_skus) is distinct from cardinality(p_quantities)
     or array_ndims(p_skus) <> 1 or array_ndims(p_quantities) <> 1 then
    return 'p_skus and p_quantities must be of equal length';
  end if;
  for v_line in 1 .. cardinality(p_skus) loop
    v_fault := seckill_private.fault_in_line(p_skus[v_line], p_quantities[v_line]);
    if v_fault is not null then
      return v_fault;
    end if;
  end loop;
  return null;
end
$function$;

comment on function seckill_private.fault_in_request (
  bigint, text, text[], integer[], uuid, text) is
  'Why no sale could take a purchase with these arguments, or null.';
