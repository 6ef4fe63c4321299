-- Own slot, a free slot (take_free), then all in order. With all in hand what has ended is given
-- back, an order gets what it needs from several slots, and slots of which most have run dry are
-- levelled: while one slot has the units, none of this costs anything.
-- Where all slots together are short and nothing can be given back, nobody is waited for: a sweeper
-- may have the holds that have ended, and the slots.
-- p_kept: 0 where the first slot was tried, and so may be locked. p_locked: others may be, too.
-- Nulls: short, or a slot could not be had; the caller sees which of the two it is (take_hold), by
-- one look at all slots, which sees each unit once, whoever is just moving it.
-- Locks: slots by SKIP LOCKED, then ascending; due holds by SKIP LOCKED.
create or replace function seckill_private.take_slots (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_quantity bigint,
  p_expires_at timestamptz,
  p_lines integer,
  p_place integer,
  p_kept smallint,
  p_locked boolean,
  out slot smallint,
  out version bigint,
  out feed_position bigint
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_free record;
  v_hold record;
  v_waits boolean := not p_locked;
begin
  v_free := seckill_private.take_free(
    p_now, p_pool_id, p_quantity, p_expires_at, p_lines, p_place, p_locked);
  if v_free.version is not null then
    slot := v_free.slot;
    version := v_free.version;
    feed_position := v_free.feed_position;
    return;
  end if;
  if seckill_private.short_pools(array[p_pool_id], array[p_quantity]) is not null then
    if v_waits and v_free.kept is null then
      perform seckill_private.settle_short(
        p_now, p_activity_id, array[p_pool_id], array[p_quantity], p_kept is not null);
    end if;
    v_waits := false;
  end if;
  if not seckill_private.lock_rest(p_pool_id, v_free.kept, not v_waits) then
    return;
  end if;
  perform seckill_private.settle_short(
    p_now, p_activity_id, array[p_pool_id], array[p_quantity], true);
  slot := seckill_private.gather_units(p_now, p_pool_id, p_quantity);
  if slot is null then
    return;
  end if;
  v_hold := seckill_private.hold_units(
    p_now, p_pool_id, p_quantity, p_expires_at, p_lines, slot);
  version := v_hold.version;
  feed_position := v_hold.feed_position;
  if (select count(*) filter (where s.available >= p_quantity) * 2 < count(*)
             and sum(s.available) >= 4 * count(*) * p_quantity
        from seckill_private.pool_slot as s
       where s.pool_id = p_pool_id) then
    perform seckill_private.level_slots(p_now, p_pool_id);
  end if;
end
$function$;

comment on function seckill_private.take_slots (
  timestamptz, bigint, bigint, bigint, timestamptz, integer, integer, smallint, boolean) is
  'Take units from a pool of several slots: the slot, the version and the position, or nulls.';
