-- Raises: SK001.
create or replace function seckill_private.validate_limit (
  p_activity_id bigint,
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
declare
  v_seconds numeric := extract(epoch from p_period);
begin
  perform seckill_private.require_text('p_name', p_name);
  perform seckill_private.require_text('p_dimension', p_dimension);
  perform seckill_private.require_units('p_maximum', p_maximum);
  perform seckill_private.optional_text('p_sku', p_sku);
  if p_metric is null
     or p_metric not in ('units', 'orders', 'open_holds', 'expired_holds') then
    perform seckill_private.raise_error(
      'SK001', 'p_metric must be units, orders, open_holds or expired_holds');
  elsif p_window is null or p_window not in (
          'order', 'hour', 'day', 'week', 'month', 'activity', 'rolling') then
    perform seckill_private.raise_error(
      'SK001', 'p_window must be order, hour, day, week, month, activity or rolling');
  elsif p_metric = 'open_holds' and p_window <> 'activity'
     or p_metric = 'expired_holds' and p_window = 'order' then
    perform seckill_private.raise_error('SK001', 'p_window does not go with this p_metric');
  elsif (p_period is null) = (p_window = 'rolling') then
    perform seckill_private.raise_error('SK001', 'p_period goes with rolling windows, and only so');
  elsif extract(year from p_period) <> 0 or extract(month from p_period) <> 0
     or v_seconds not between 1 and 315360000 then
    perform seckill_private.raise_error(
      'SK001', 'p_period must be days or shorter units, from a second to 3650 days');
  elsif p_required is null then
    perform seckill_private.raise_error('SK001', 'p_required must not be null');
  elsif p_activity_id is null and p_time_zone is null
     and p_window in ('hour', 'day', 'week', 'month') then
    perform seckill_private.raise_error('SK001', 'p_time_zone is needed: no activity has it');
  end if;
  if p_time_zone is not null then
    perform seckill_private.require_time_zone(p_time_zone);
  end if;
end
$function$;

comment on function seckill_private.validate_limit (
  bigint, text, text, text, text, bigint, text, interval, text, boolean) is
  'Refuse a limit that makes no sense.';
