-- Naming lines or quantities makes a refund partial, and a partial one needs a request id: without
-- it nobody could tell a second refund of one unit from a repeat of the first.
-- Raises: SK001.
create or replace function seckill_private.validate_refund (
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_restock boolean,
  p_restore_limits boolean
)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_fault text := case
    when p_restock is null then 'p_restock must not be null'
    when p_restore_limits is null then 'p_restore_limits must not be null'
    when p_skus is null and p_quantities is null then null
    when p_request_id is null then 'a partial refund needs p_request_id'
    when cardinality(coalesce(p_skus, p_quantities::text[])) not between 1 and 50
      then 'a refund names 1 to 50 lines'
    when cardinality(p_skus) <> cardinality(p_quantities)
      then 'p_skus and p_quantities must be equally long'
    when exists (select from unnest(p_skus) as s (sku)
                  where seckill_private.fault_in_text('p_skus', s.sku) is not null)
      then 'p_skus must have 1 to 200 characters each'
    when exists (select from unnest(p_quantities) as q (quantity)
                  where q.quantity is null or q.quantity <= 0)
      then 'p_quantities must be positive'
  end;
begin
  if v_fault is not null then
    perform seckill_private.raise_error('SK001', v_fault);
  end if;
end
$function$;

comment on function seckill_private.validate_refund (
  text[], integer[], uuid, boolean, boolean) is
  'Refuse a refund whose arguments make no sense, whatever the reservation.';
