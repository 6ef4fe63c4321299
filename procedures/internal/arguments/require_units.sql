-- The bound keeps every sum of units far from the end of bigint.
-- Raises: SK001 when the number is null, not positive, or above 10^12.
create or replace function seckill_private.require_units (
  p_name text,
  p_value bigint
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_value is null or p_value <= 0 or p_value > 1000000000000 then
    perform seckill_private.raise_error(
      'SK001', p_name || ' must be from 1 to 10^12, is ' || coalesce(p_value::text, 'null'));
  end if;
end
$function$;

comment on function seckill_private.require_units (text, bigint) is
  'Refuse a number of units that is null, not positive, or above 10^12.';
