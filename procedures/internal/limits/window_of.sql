-- Calendar windows turn over at local midnight, weeks on Monday. The next midnight is taken in
-- local time too: a day has 23 or 25 hours where clocks change. Hours are counted from local
-- midnight, so that they never overlap where clocks change by less than one. An order is a
-- window to itself: nothing else lies in it. A rolling window is open at its start: what was
-- bought at t has left it at t + period. A late payment is dated back, so the purchases after it
-- count too.
create or replace function seckill_private.window_of (
  p_window text,
  p_period interval,
  p_time_zone text,
  p_at timestamptz
)
  returns tstzrange
  language sql
  stable
return case p_window
  when 'order' then 'empty'::tstzrange
  when 'activity' then '[-infinity,infinity)'::tstzrange
  when 'rolling' then tstzrange(
    p_at - make_interval(secs => extract(epoch from p_period)::double precision),
    p_at + make_interval(secs => extract(epoch from p_period)::double precision), '()')
  when 'hour' then seckill_private.hour_of(p_time_zone, p_at)
  else tstzrange(
    seckill_private.midnight(date_trunc(p_window, p_at at time zone p_time_zone), p_time_zone),
    seckill_private.midnight(
      date_trunc(p_window, p_at at time zone p_time_zone) + ('1 ' || p_window)::interval,
      p_time_zone))
end;

comment on function seckill_private.window_of (text, interval, text, timestamptz) is
  'The window of a limit (order, hour, day, week, month, activity, rolling) for an instant.';
