-- Raises: SK001 when the text is given, and empty or longer than 200 characters.
create or replace function seckill_private.optional_text (
  p_name text,
  p_value text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_value is not null then
    perform seckill_private.require_text(p_name, p_value);
  end if;
end
$function$;

comment on function seckill_private.optional_text (text, text) is
  'Refuse a text argument that is empty or longer than 200 characters; null is fine.';
