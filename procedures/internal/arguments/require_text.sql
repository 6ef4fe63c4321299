-- Raises: SK001 when the text is null, empty or longer than 200 characters.
create or replace function seckill_private.require_text (
  p_name text,
  p_value text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if seckill_private.fault_in_text(p_name, p_value) is not null then
    perform seckill_private.raise_error('SK001', seckill_private.fault_in_text(p_name, p_value));
  end if;
end
$function$;

comment on function seckill_private.require_text (text, text) is
  'Refuse a text argument that is null, empty or longer than 200 characters.';
