-- Raises: SK001.
create or replace function seckill_private.validate_request (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_region text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.validate_buyer(p_activity_id, p_user_id);
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  if p_quantity is null or p_quantity <= 0 then
    perform seckill_private.raise_error(
      'SK001', 'p_quantity must be positive, is ' || coalesce(p_quantity::text, 'null'));
  elsif p_request_id is null then
    perform seckill_private.raise_error('SK001', 'p_request_id must not be null');
  end if;
end
$function$;

comment on function seckill_private.validate_request (bigint, text, text, integer, uuid, text) is
  'Refuse the arguments of a purchase that no sale could take.';
