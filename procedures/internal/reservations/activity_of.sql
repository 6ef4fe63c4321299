-- The reverse of next_reservation_id.
create or replace function seckill_private.activity_of (
  p_reservation_id bigint
)
  returns bigint
  language sql
  immutable
  parallel safe
return p_reservation_id >> 36;

comment on function seckill_private.activity_of (bigint) is
  'The activity of a reservation id.';
