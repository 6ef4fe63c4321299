-- sale_status has the order in which the other answers are given.
create or replace function seckill_private.is_on_sale (
  p_state text,
  p_starts_at timestamptz,
  p_ends_at timestamptz,
  p_now timestamptz
)
  returns boolean
  language sql
  immutable
  parallel safe
return p_state = 'open' and p_now >= p_starts_at and p_now < p_ends_at;

comment on function seckill_private.is_on_sale (text, timestamptz, timestamptz, timestamptz) is
  'Whether an activity in this state sells at an instant.';
-- The view seckill.sale_status runs it as its reader. It reads nothing.
grant execute on function seckill_private.is_on_sale (text, timestamptz, timestamptz, timestamptz)
   to seckill_read, seckill_app, seckill_ops;
