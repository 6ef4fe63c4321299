-- Raises: SK001 when the row limit of a call is null, not positive, or above 10000.
create or replace function seckill_private.require_limit (
  p_limit integer
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_limit is null or p_limit <= 0 or p_limit > 10000 then
    perform seckill_private.raise_error(
      'SK001', 'p_limit must be from 1 to 10000, is ' || coalesce(p_limit::text, 'null'));
  end if;
end
$function$;

comment on function seckill_private.require_limit (integer) is
  'Refuse a row limit that is null, not positive, or above 10000.';
