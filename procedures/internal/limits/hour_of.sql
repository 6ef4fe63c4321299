-- The last hour of a day is shorter where a clock change is no whole hour.
create or replace function seckill_private.hour_of (
  p_time_zone text,
  p_at timestamptz
)
  returns tstzrange
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_day tstzrange := seckill_private.window_of('day', null, p_time_zone, p_at);
  v_start timestamptz;
begin
  v_start := lower(v_day)
    + make_interval(hours => floor(extract(epoch from p_at - lower(v_day)) / 3600)::integer);
  return tstzrange(v_start, least(v_start + interval '1 hour', upper(v_day)));
end
$function$;

comment on function seckill_private.hour_of (text, timestamptz) is
  'The hour, counted from local midnight, in which an instant lies.';
