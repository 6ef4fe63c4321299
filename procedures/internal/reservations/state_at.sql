-- A hold is worth nothing from expires_at on, swept or not.
create or replace function seckill_private.state_at (
  p_state text,
  p_expires_at timestamptz,
  p_now timestamptz
)
  returns text
  language sql
  immutable
  parallel safe
return case when p_state = 'held' and p_expires_at <= p_now then 'expired' else p_state end;

comment on function seckill_private.state_at (text, timestamptz, timestamptz) is
  'The state of a reservation at an instant, whether its end has been swept or not.';
