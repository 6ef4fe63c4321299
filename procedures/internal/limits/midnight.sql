-- Where clocks go back over midnight (Havana), a day begins twice: it begins at the first. Where
-- they go forward over it, it begins when the new hour does.
create or replace function seckill_private.midnight (
  p_local_date timestamp,
  p_time_zone text
)
  returns timestamptz
  language sql
  stable
return case
  when (p_local_date at time zone p_time_zone - interval '1 hour') at time zone p_time_zone
       >= p_local_date
    then p_local_date at time zone p_time_zone - interval '1 hour'
  else p_local_date at time zone p_time_zone
end;

comment on function seckill_private.midnight (timestamp, text) is
  'The first instant of a local date in a time zone.';
