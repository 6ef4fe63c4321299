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
  v_fault text := seckill_private.fault_in_request(
    p_activity_id, p_user_id, p_skus, p_quantities, p_request_id, p_region);
begin
  if v_fault is not null then
    perform seckill_private.raise_error('SK001', v_fault);
  end if;
end
$function$;

comment on function seckill_private.validate_request (
  bigint, text, text[], integer[], uuid, text) is
  'Refuse the arguments of a purchase that no sale could take.';
