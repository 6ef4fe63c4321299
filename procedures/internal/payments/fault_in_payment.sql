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
    or seckill_private.fault_in_text('p_user_id', p_user_id) is not null
    or p_payment_ref is not null
       and seckill_private.fault_in_text('p_payment_ref', p_payment_ref) is not null
    then 'SK001'
end;

comment on function seckill_private.fault_in_payment (text, bigint, text) is
  'SK001 for a payment whose arguments make no sense, else null.';
