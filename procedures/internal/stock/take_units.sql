-- The units of an order, all or none; nulls when short. One pool needs no lock before its update;
-- of several, all are locked before the first is touched. p_is_short: the counters were too low
-- when they were read. p_slots: how many rows the pool had then (of one pool; null for several).
-- p_locked: the transaction has slots already: nobody is waited for in a pool of several.
-- What ended in a pool of several slots is given back by take_slots, and not here as well: the
-- second time slots are locked, and an order that ended may have units of a lower pool.
-- Locks: due holds by SKIP LOCKED; slots ascending, or by SKIP LOCKED.
create or replace function seckill_private.take_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_ids bigint[],
  p_quantities integer[],
  p_expires_at timestamptz,
  p_is_short boolean,
  p_slots integer,
  p_user_id text,
  p_locked boolean
)
  returns seckill_private.taken
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_taken seckill_private.taken;
  v_hold record;
  v_slot smallint;
  v_version bigint;
begin
  if cardinality(p_pool_ids) > 1 then
    if not seckill_private.lock_units(
         p_now, p_activity_id, p_pool_ids, p_quantities, p_locked) then
      return null;
    end if;
  elsif p_is_short and p_slots = 1 then
    perform seckill_private.settle_short(p_now, p_activity_id, p_pool_ids, p_quantities, p_locked);
  elsif p_slots = 1 then
    v_hold := seckill_private.hold_units(p_now, p_pool_ids[1], p_quantities[1], p_expires_at);
    if v_hold.version is not null then
      return row(array[0], array[v_hold.version], v_hold.feed_position)::seckill_private.taken;
    end if;
  end if;
  for v_line in 1 .. cardinality(p_pool_ids) loop
    v_slot := 0;
    v_version := null;
    if coalesce(p_slots, 1) = 1 then
      v_hold := seckill_private.hold_units(
        p_now, p_pool_ids[v_line], p_quantities[v_line], p_expires_at);
      v_version := v_hold.version;
    end if;
    if v_version is null then
      v_hold := seckill_private.take_slots(
        p_now, p_activity_id, p_pool_ids[v_line], p_quantities[v_line], p_expires_at, 1,
        seckill_private.shard(p_user_id), case when p_slots > 1 then null else 0 end::smallint,
        p_locked or cardinality(p_pool_ids) > 1);
      v_slot := v_hold.slot;
      v_version := v_hold.version;
    end if;
    if v_version is null then
      return null;
    end if;
    v_taken.slots := v_taken.slots || v_slot;
    v_taken.versions := v_taken.versions || v_version;
    v_taken.position := v_hold.feed_position;
  end loop;
  if cardinality(p_pool_ids) > 1 then
    v_taken.position := seckill_private.level_positions(p_pool_ids, v_taken.slots);
  end if;
  return v_taken;
end
$function$;

comment on function seckill_private.take_units (
  timestamptz, bigint, bigint[], integer[], timestamptz, boolean, integer, text, boolean) is
  'Move the units of an order from available to held: the slots and the versions of those '
  'movements, in the order of the pools, and their position in the feed.';
