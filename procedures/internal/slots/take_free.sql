-- A place of one's own among the slots that have the units (p_place: any number, the same for a
-- buyer each time), then whichever of them is free, in a circle; where all are in somebody's hand,
-- the own one is waited for. A slot that had the units when it was seen and has them no longer
-- stays locked (that cannot be undone): kept is the highest of these, and from then on nobody is
-- waited for here.
-- Nulls: no slot has the units, or who has them could not be waited for (p_locked: the transaction
-- has locked slots before).
-- Locks: slots by SKIP LOCKED; one, if none was locked before.
create or replace function seckill_private.take_free (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_expires_at timestamptz,
  p_lines integer,
  p_place integer,
  p_locked boolean,
  out slot smallint,
  out version bigint,
  out feed_position bigint,
  out kept smallint
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_open smallint[];
  v_first integer;
  v_hold record;
begin
  loop
    v_open := array(
      select s.slot
        from seckill_private.pool_slot as s
       where s.pool_id = p_pool_id
         and s.available >= p_quantity
       order by s.slot);
    exit when v_open = '{}';
    v_first := p_place % cardinality(v_open);
    v_open := v_open[v_first + 1:] || v_open[:v_first];
    select s.slot into slot
      from seckill_private.pool_slot as s
     where s.pool_id = p_pool_id
       and s.slot = any (v_open)
     order by array_position(v_open, s.slot)
     limit 1
       for update skip locked;
    if slot is null then
      exit when p_locked or kept is not null;
      slot := v_open[1];
    end if;
    v_hold := seckill_private.hold_units(
      p_now, p_pool_id, p_quantity, p_expires_at, p_lines, slot);
    version := v_hold.version;
    feed_position := v_hold.feed_position;
    exit when version is not null;
    kept := greatest(kept, slot);
  end loop;
end
$function$;

comment on function seckill_private.take_free (
  timestamptz, bigint, bigint, timestamptz, integer, integer, boolean) is
  'Take units from one slot of a pool, if it can be had; version is null where none can.';
