-- Own slot, a free slot, then all in order: sold_out may be said only when no slot has been passed
-- over. With all in hand an order gets what it needs from several slots, and slots of which most
-- have run dry are levelled: while one look finds units, none of this costs anything.
-- Null when short, and when a slot could not be had: then take_hold sees which of the two it is.
-- p_count: the slots that there are. p_locked: the transaction has them.
-- Locks: slots by SKIP LOCKED, then ascending; due holds by SKIP LOCKED.
create or replace function seckill_private.take_slots (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_quantity integer,
  p_expires_at timestamptz,
  p_count integer,
  p_locked boolean
)
  returns seckill_private.taken
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_free record;
  v_had integer;
  v_version bigint;
  v_slot smallint;
begin
  if not p_locked then
    v_free := seckill_private.take_free(p_now, p_pool_id, p_quantity, p_expires_at, p_count);
    if v_free.version is not null then
      return row(array[v_free.slot], array[v_free.version])::seckill_private.taken;
    elsif v_free.kept > 0 then
      perform from seckill_private.pool_slot as s
        where s.pool_id = p_pool_id and s.slot < v_free.kept
        order by s.slot
          for update skip locked;
      get diagnostics v_had = row_count;
      if v_had < v_free.kept then
        return null;
      end if;
    end if;
  end if;
  perform seckill_private.lock_slots(array[p_pool_id]);
  perform seckill_private.settle_short(
    p_now, p_activity_id, array[p_pool_id], array[p_quantity::bigint], true);
  v_slot := seckill_private.gather_units(p_now, p_pool_id, p_quantity);
  if v_slot is null then
    return null;
  end if;
  v_version := seckill_private.hold_units(
    p_now, p_pool_id, p_quantity, p_expires_at, p_slot => v_slot);
  if not p_locked and (
       select count(*) filter (where s.available >= p_quantity) * 2 < p_count
              and sum(s.available) >= 4 * p_count * p_quantity::bigint
         from seckill_private.pool_slot as s
        where s.pool_id = p_pool_id) then
    perform seckill_private.level_slots(p_now, p_pool_id);
  end if;
  return row(array[v_slot], array[v_version])::seckill_private.taken;
end
$function$;

comment on function seckill_private.take_slots (
  timestamptz, bigint, bigint, integer, timestamptz, integer, boolean) is
  'Take the units of an order from a pool of several slots: the slot and the version, or null.';
