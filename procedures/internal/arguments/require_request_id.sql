-- Raises: SK001.
create or replace function seckill_private.require_request_id (
  p_request_id uuid
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_request_id is null then
    perform seckill_private.raise_error('SK001', 'p_request_id must not be null');
  end if;
end
$function$;

comment on function seckill_private.require_request_id (uuid) is
  'Refuse a null request id.';
