-- What seckill.confirm would raise for its arguments; in a batch it is the row's own answer.
create or replace function seckill_private.fault_in_payment (
  p_user_id text,
  p_reservation_id bigint,
  p_payment_ref text
)
  returns text
  language sql
  immutable
  parallel safe
return case
  when p_reservation_id is null
    or coalesce(length(p_user_id), 0) not between 1 and 200
    or length(p_payment_ref) not between 1 and 200
    then 'SK001'
end;

comment on function seckill_private.fault_in_payment (text, bigint, text) is
  'SK001 for a payment whose arguments make no sense, else null.';
