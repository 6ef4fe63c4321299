-- When nobody needs any of its 64 activities, the whole partition goes: no row is read, and nothing
-- is left to vacuum. The table's files go after the locks.
-- Locks: the activities, against a new one of this block; ACCESS EXCLUSIVE on the parents, for
--   which every buyer waits: so not longer than the lock_timeout that the caller has set. 55P03:
--   nothing happened, try again.
create or replace function seckill_private.drop_partition (
  p_activity_id bigint
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_first bigint := p_activity_id / 64 * 64;
  v_next bigint;
begin
  lock table seckill_private.activity in share mode;
  select s.last_value + s.is_called::integer into v_next
    from seckill_private.activity_activity_id_seq as s;
  if v_next < v_first + 64 or exists (
    select from seckill_private.activity as a
     where a.activity_id >= v_first
       and a.activity_id < v_first + 64
       and a.dropped_at is null
  ) then
    return false;
  end if;
  execute format(
    'drop table if exists seckill_private.%I, seckill_private.%I, seckill_private.%I',
    'reservation_' || v_first, 'movement_' || v_first, 'refund_' || v_first);
  return true;
end
$function$;

comment on function seckill_private.drop_partition (bigint) is
  'Drop the partitions of an activity where all of their activities are dropped; whether they are.';
