-- A name that PostgreSQL lists, because "at time zone" takes any nonsense such as FOO5 for POSIX.
-- Raises: SK001.
create or replace function seckill_private.require_time_zone (
  p_time_zone text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.require_text('p_time_zone', p_time_zone);
  if not exists (select from pg_timezone_names as z where z.name = p_time_zone) then
    perform seckill_private.raise_error('SK001', 'p_time_zone is not a known time zone');
  end if;
end
$function$;

comment on function seckill_private.require_time_zone (text) is
  'Refuse a time zone that is not in pg_timezone_names.';
