-- Every movement of units but the hold itself (hold_units) goes through here: the counters of the
-- slot and the ledger row change together, and a unit that leaves one account arrives in another.
-- Accounts are those of the pool (available, held, sold, unreleased), inventory and written_off.
-- What returns to a closed pool goes on to the inventory; what becomes available while the pool
-- owes units (seckill.set_stock_total, drain) pays that debt: a second movement, drain, takes it on
-- to the inventory. The debt is read once the slots are locked, in a statement of its own: what a
-- statement that waited reads from other rows is as old as its snapshot. Each slot is updated once,
-- however many lines it has: a row updated a thousand times in one transaction costs thirty times
-- as much. version grows by one for each ledger row. Lines may be of several activities: taken one
-- after another they would lock out of order. The caller has made sure that the source has the
-- units; the table's checks are the last net.
-- Raises: SK007 when the inventory has too few; SK008 when the activity is archived.
-- Locks: slots ascending by (pool_id, slot), then inventory rows ascending by sku; of a closed
--   activity its row, for key share.
create or replace function seckill_private.post_movements (
  p_now timestamptz,
  p_kind text,
  p_source text,
  p_target text,
  p_lines seckill_private.unit_line[],
  p_actor text default null,
  p_note text default null
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_group record;
  v_slot record;
  v_target text;
  v_paid bigint;
  v_pool_ids bigint[] := array[]::bigint[];
  v_deltas bigint[] := array[]::bigint[];
begin
  perform seckill_private.lock_returns(p_target, p_lines);
  for v_group in
    select l.pool_id, l.slot, sum(l.quantity)::bigint as units, count(*) as lines
      from unnest(p_lines) as l
     group by l.pool_id, l.slot
     order by l.pool_id, l.slot
  loop
    select s.shard, s.version, s.closed, s.owed, p.activity_id,
           seckill_private.next_position(s.position, s.position_base) as position
      into strict v_slot
      from seckill_private.pool_slot as s
      join seckill_private.pool as p on p.pool_id = s.pool_id
     where s.pool_id = v_group.pool_id and s.slot = v_group.slot
       for update of s;
    if v_slot.closed then
      perform seckill_private.refuse_archived(v_slot.activity_id);
    end if;
    v_target := case when p_target = 'available' and v_slot.closed
      then 'inventory' else p_target end;
    if v_target = 'available' and v_group.slot > 0 then
      select o.owed, greatest(o.position, v_slot.position) into v_slot.owed, v_slot.position
        from seckill_private.pool_slot as o where o.pool_id = v_group.pool_id and o.slot = 0;
    end if;
    v_paid := case v_target when 'available' then least(v_slot.owed, v_group.units) else 0 end;
    update seckill_private.pool_slot as s
       set available = s.available - v_paid
             + v_group.units * seckill_private.moved(p_source, v_target, 'available'),
           held = s.held + v_group.units * seckill_private.moved(p_source, v_target, 'held'),
           sold = s.sold + v_group.units * seckill_private.moved(p_source, v_target, 'sold'),
           unreleased = s.unreleased
             + v_group.units * seckill_private.moved(p_source, v_target, 'unreleased'),
           total = s.total - v_paid
             - v_group.units * seckill_private.moved(p_source, v_target, 'inventory')
             - v_group.units * seckill_private.moved(p_source, v_target, 'written_off'),
           epoch = s.epoch + (v_target = 'available')::integer * v_group.lines,
           version = s.version + v_group.lines + (v_paid > 0)::integer,
           position = v_slot.position,
           seen_at = greatest(s.seen_at, p_now)
     where s.pool_id = v_group.pool_id and s.slot = v_group.slot;
    insert into seckill_private.movement (
      activity_id, shard, pool_id, slot, version, position, kind, source, target, quantity,
      reservation_id, user_id, at, actor, note)
    select v_slot.activity_id, coalesce(seckill_private.shard(l.user_id), v_slot.shard),
           l.pool_id, l.slot, v_slot.version + row_number() over (order by l.reservation_id),
           v_slot.position, p_kind, p_source, v_target, l.quantity, l.reservation_id, l.user_id,
           p_now, p_actor, p_note
      from unnest(p_lines) as l
     where l.pool_id = v_group.pool_id and l.slot = v_group.slot;
    if v_paid > 0 then
      perform seckill_private.pay_debt(
        p_now, v_slot.activity_id, v_slot.shard, v_group.pool_id, v_group.slot,
        v_slot.version + v_group.lines + 1, v_slot.position, v_paid, p_actor, p_kind);
    end if;
    v_pool_ids := v_pool_ids || v_group.pool_id;
    v_deltas := v_deltas || v_paid
      + v_group.units * seckill_private.moved(p_source, v_target, 'inventory');
  end loop;
  perform seckill_private.move_inventories(p_now, p_kind, v_pool_ids, v_deltas, p_actor, p_note);
end
$function$;

comment on function seckill_private.post_movements (
  timestamptz, text, text, text, seckill_private.unit_line[], text, text) is
  'Move units between the accounts of pools and the inventory, with their ledger rows.';
