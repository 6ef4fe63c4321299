-- The units of an order, all or none: the slots and the versions of the movements, in the order
-- of the pools, or null when short. One pool needs no lock before its update; of several, all
-- are locked before the first is touched. p_locked: the transaction has the slots already.
-- Locks: due holds by SKIP LOCKED; slots ascending.
create or replace function seckill_private.take_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_ids bigint[],
  p_quantities integer[],
  p_expires_at timestamptz,
  p_locked boolean
)
  returns seckill_private.taken
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_taken seckill_private.taken;
  v_one seckill_private.taken;
  v_version bigint;
  v_pool record;
begin
  if cardinality(p_pool_ids) > 1 then
    if not seckill_private.lock_units(
         p_now, p_activity_id, p_pool_ids, p_quantities, p_locked) then
      return null;
    end if;
  end if;
  for v_line in 1 .. cardinality(p_pool_ids) loop
    select count(*)::integer as slots, sum(s.available)::bigint as available into v_pool
      from seckill_private.pool_slot as s
     where s.pool_id = p_pool_ids[v_line];
    if v_pool.available < p_quantities[v_line] then
      perform seckill_private.settle_short(
        p_now, p_activity_id, p_pool_ids, p_quantities,
        p_locked or cardinality(p_pool_ids) > 1);
    end if;
    if v_pool.slots = 1 then
      v_version := seckill_private.hold_units(
        p_now, p_pool_ids[v_line], p_quantities[v_line], p_expires_at);
      if v_version is null then
        perform seckill_private.settle_short(p_now, p_activity_id, p_pool_ids, p_quantities, true);
        v_version := seckill_private.hold_units(
          p_now, p_pool_ids[v_line], p_quantities[v_line], p_expires_at);
      end if;
      v_one.slots := array[0];
    else
      v_one := seckill_private.take_slots(
        p_now, p_activity_id, p_pool_ids[v_line], p_quantities[v_line], p_expires_at,
        v_pool.slots, p_locked or cardinality(p_pool_ids) > 1);
      v_version := v_one.versions[1];
    end if;
    if v_version is null then
      return null;
    end if;
    v_taken.slots := v_taken.slots || v_one.slots;
    v_taken.versions := v_taken.versions || v_version;
  end loop;
  return v_taken;
end
$function$;

comment on function seckill_private.take_units (
  timestamptz, bigint, bigint[], integer[], timestamptz, boolean) is
  'Move the units of an order from available to held; the slots and versions of those '
  'movements, or null.';
