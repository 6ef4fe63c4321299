-- First step of every call that writes. One expression, which costs its caller no call.
--
-- Isolation: in an older snapshot a lock shows nothing of what its last owner did, and a limit of 1
--   sold 2 without any error. So anything but READ COMMITTED is refused.
-- Raises: SK005.
create or replace function seckill_private.begin_write ()
  returns text
  language sql
  volatile
return case
  when current_setting('transaction_isolation') = 'read committed'
    then seckill_private.commit_durably()
  else seckill_private.raise_error(
    'SK005', 'isolation is ' || current_setting('transaction_isolation'))::text
end;

comment on function seckill_private.begin_write () is
  'Refuse any isolation but READ COMMITTED, and make this transaction''s commit durable.';
