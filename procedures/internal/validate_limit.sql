-- Raises: SK001.
create or replace function seckill_private.validate_limit (
  p_name text,
  p_dimension text,
  p_metric text,
  p_window text,
  p_maximum bigint,
  p_sku text,
  p_period interval,
  p_time_zone text,
  p_required boolean
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.require_text('p_name', p_name);
  perform seckill_private.require_units('p_maximum', p_maximum);
  perform seckill_private.optional_text('p_sku', p_sku);
  if p_dimension is distinct from 'user' then
    perform seckill_private.raise_error('SK001', 'p_dimension must be user in this release');
  elsif p_metric is null or p_metric not in ('units', 'orders') then
    perform seckill_private.raise_error(
      'SK001', 'p_metric must be units or orders in this release');
  elsif p_window is null or p_window not in ('order', 'day', 'activity') then
    perform seckill_private.raise_error(
      'SK001', 'p_window must be order, day or activity in this release');
  elsif p_period is not null then
    perform seckill_private.raise_error('SK001', 'p_period goes with rolling windows only');
  elsif p_required is null then
    perform seckill_private.raise_error('SK001', 'p_required must not be null');
  end if;
  if p_time_zone is not null then
    perform seckill_private.require_time_zone(p_time_zone);
  end if;
end
$function$;

comment on function seckill_private.validate_limit (
  text, text, text, text, bigint, text, interval, text, boolean) is
  'Refuse a limit that makes no sense, or that this release does not know.';
