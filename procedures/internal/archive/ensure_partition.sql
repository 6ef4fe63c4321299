-- The rows of 64 activities lie in one partition, which is cut off when they are all over: that
-- neither scans nor bloats the tables of those that run. One partition for each activity would be
-- simpler, but a plan locks every partition there is: with 64 of them a probe takes three times as
-- long. The new table is made apart and attached: "partition of" would stop the sale to do it.
-- Locks: an advisory one, against a second maker; SHARE UPDATE EXCLUSIVE on the parent, which
--   buyers do not notice.
create or replace function seckill_private.ensure_partition (
  p_activity_id bigint
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_first bigint := p_activity_id / 64 * 64;
  v_name text;
begin
  if exists (
    select from pg_class as c
     where c.relnamespace = 'seckill_private'::regnamespace
       and c.relname = 'movement_' || v_first
  ) then
    return;
  end if;
  perform seckill_private.lock_subject('partition', v_first::text);
  -- pg_class and not to_regclass, whose cache would still answer no after the wait for the lock.
  if exists (
    select from pg_class as c
     where c.relnamespace = 'seckill_private'::regnamespace
       and c.relname = 'movement_' || v_first
  ) then
    return;
  end if;
  foreach v_name in array array['reservation', 'movement', 'refund'] loop
    execute format(
      'create table seckill_private.%I (like seckill_private.%I including all)',
      v_name || '_' || v_first, v_name);
  end loop;
  execute format(
    'alter table seckill_private.reservation attach partition seckill_private.%I '
    'for values from (%s) to (%s)', 'reservation_' || v_first, v_first << 40, (v_first + 64) << 40);
  execute format(
    'alter table seckill_private.movement attach partition seckill_private.%I '
    'for values from (%s) to (%s)', 'movement_' || v_first, v_first, v_first + 64);
  execute format(
    'alter table seckill_private.refund attach partition seckill_private.%I '
    'for values from (%s) to (%s)', 'refund_' || v_first, v_first, v_first + 64);
end
$function$;

comment on function seckill_private.ensure_partition (bigint) is
  'Make sure that there are partitions for the rows of an activity.';
