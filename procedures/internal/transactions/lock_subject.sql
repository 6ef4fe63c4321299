-- All that is decided about one subject is decided under this lock, one caller at a time. The
-- caller reads in a later statement: one that began before the lock was had would not see its last
-- owner's work.
-- Locks: first of all (procedures/README.md, lock order); held until the transaction ends.
create or replace function seckill_private.lock_subject (
  p_dimension text,
  p_value text
)
  returns boolean
  language sql
  volatile
return pg_advisory_xact_lock(seckill_private.lock_key(p_dimension, p_value)) is not null;

comment on function seckill_private.lock_subject (text, text) is
  'Take the transaction-level advisory lock of a subject; true, always.';
