-- The units of an order, all or none: the versions of the movements, in the order of the pools, or
-- null when short. One pool needs no lock before its update; of several, all are locked before the
-- first is touched. p_locked: the transaction has the slots already.
-- Locks: due holds by SKIP LOCKED; slots ascending.
create or replace function seckill_private.take_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_ids bigint[],
  p_quantities integer[],
  p_expires_at timestamptz,
  p_locked boolean
)
  returns bigint[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_versions bigint[];
  v_version bigint;
begin
  if cardinality(p_pool_ids) > 1 then
    if not seckill_private.lock_units(
         p_now, p_activity_id, p_pool_ids, p_quantities, p_locked) then
      return null;
    end if;
  elsif (select s.available from seckill_private.pool_slot as s where s.pool_id = p_pool_ids[1])
        < p_quantities[1] then
    perform seckill_private.settle_short(p_now, p_activity_id, p_pool_ids, p_quantities, p_locked);
  end if;
  for v_line in 1 .. cardinality(p_pool_ids) loop
    v_version := seckill_private.hold_units(
      p_now, p_pool_ids[v_line], p_quantities[v_line], p_expires_at);
    if v_version is null then
      perform seckill_private.settle_short(p_now, p_activity_id, p_pool_ids, p_quantities, true);
      v_version := seckill_private.hold_units(
        p_now, p_pool_ids[v_line], p_quantities[v_line], p_expires_at);
    end if;
    if v_version is null then
      return null;
    end if;
    v_versions := v_versions || v_version;
  end loop;
  return v_versions;
end
$function$;

comment on function seckill_private.take_units (
  timestamptz, bigint, bigint[], integer[], timestamptz, boolean) is
  'Move the units of an order from available to held; the versions of those movements, or null.';
