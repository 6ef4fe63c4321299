-- Calendar windows turn over at local midnight. The next midnight is taken in local time too: a day
-- has 23 or 25 hours where clocks change. An order is a window to itself: nothing else lies in it.
create or replace function seckill_private.window_of (
  p_window text,
  p_time_zone text,
  p_at timestamptz
)
  returns tstzrange
  language sql
  stable
return case p_window
  when 'order' then 'empty'::tstzrange
  when 'day' then tstzrange(
    seckill_private.midnight(date_trunc('day', p_at at time zone p_time_zone), p_time_zone),
    seckill_private.midnight(
      date_trunc('day', p_at at time zone p_time_zone) + interval '1 day', p_time_zone))
  when 'activity' then '[-infinity,infinity)'::tstzrange
end;

comment on function seckill_private.window_of (text, text, timestamptz) is
  'The half-open window of a limit (order, day, activity) in which an instant lies.';
