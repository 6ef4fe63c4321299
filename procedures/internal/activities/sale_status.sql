-- Precedence: ended, not_started, paused, on_sale.
create or replace function seckill_private.sale_status (
  p_state text,
  p_starts_at timestamptz,
  p_ends_at timestamptz,
  p_now timestamptz
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when seckill_private.is_on_sale(p_state, p_starts_at, p_ends_at, p_now) then 'on_sale'
  when p_state = 'closed' or p_now >= p_ends_at then 'ended'
  when p_state = 'draft' or p_now < p_starts_at then 'not_started'
  else 'paused'
end;

comment on function seckill_private.sale_status (text, timestamptz, timestamptz, timestamptz) is
  'What an activity in this state is at an instant: ended, not_started, paused or on_sale.';
-- The view seckill.sale_status runs it as its reader. It reads nothing.
grant execute on function seckill_private.sale_status (text, timestamptz, timestamptz, timestamptz)
   to seckill_read, seckill_app, seckill_ops;
