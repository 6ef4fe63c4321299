-- The years are those that every client's calendar has.
-- Raises: SK001.
create or replace function seckill_private.validate_activity (
  p_name text,
  p_starts_at timestamptz,
  p_ends_at timestamptz,
  p_hold_seconds integer
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.require_text('p_name', p_name);
  if p_starts_at is null or p_ends_at is null
     or p_starts_at < '1970-01-01 00:00:00+00' or p_ends_at > '9999-01-01 00:00:00+00' then
    perform seckill_private.raise_error(
      'SK001', 'p_starts_at and p_ends_at must lie between 1970 and 9999');
  elsif p_starts_at >= p_ends_at then
    perform seckill_private.raise_error('SK001', 'p_ends_at must be after p_starts_at');
  elsif p_hold_seconds is null or p_hold_seconds not between 1 and 2592000 then
    perform seckill_private.raise_error('SK001', 'p_hold_seconds must be from 1 to 2592000');
  end if;
end
$function$;

comment on function seckill_private.validate_activity (text, timestamptz, timestamptz, integer) is
  'Refuse the settings of an activity that make no sense.';
