-- The id carries its activity, so that a reservation is found through buyer_key and needs no index
-- of its own. 36 bits of number keep ids below 2^53, exact in JSON, for 131,000 activities.
create or replace function seckill_private.next_reservation_id (
  p_activity_id bigint
)
  returns bigint
  language sql
  volatile
return (p_activity_id << 36) | nextval('seckill_private.reservation_number'::regclass);

comment on function seckill_private.next_reservation_id (bigint) is
  'A new reservation id: activity << 36 | number.';
