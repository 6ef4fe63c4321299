-- Raises: SK001.
create or replace function seckill_private.require_dimension (
  p_missing text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_missing is not null then
    perform seckill_private.raise_error('SK001', 'p_subjects must have ' || quote_ident(p_missing));
  end if;
end
$function$;

comment on function seckill_private.require_dimension (text) is
  'Refuse a request that lacks a dimension (missing_dimension); null: it lacks none.';
