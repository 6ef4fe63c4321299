-- What comes back in one slot pays what any slot owes: so that it can, the debt is moved to that
-- slot, with its events. A slot in somebody else's hand keeps its debt: it may not be waited for.
-- Called with the slot locked. How many of the units the debt takes.
-- Locks: slots that owe, by SKIP LOCKED.
create or replace function seckill_private.gather_debt (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_slot smallint,
  p_units bigint
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  with debt as (
    select s.slot, s.owed
      from seckill_private.pool_slot as s
     where s.pool_id = p_pool_id
       and (s.owed > 0 or s.slot = p_slot)
     order by s.slot
       for update skip locked
  ), part as (
    select d.slot, greatest(0, least(d.owed, p_units - (
             sum(d.owed) over (order by d.slot <> p_slot, d.slot) - d.owed))) as owed
      from debt as d
  ), share as (
    select d.slot, case
             when d.slot = p_slot then greatest(d.owed, (select sum(p.owed) from part as p))
             else d.owed - p.owed
           end as owed, d.owed as before
      from debt as d
      join part as p on p.slot = d.slot
  ), changed as (
    update seckill_private.pool_slot as s
       set owed = h.owed
      from share as h
     where s.pool_id = p_pool_id
       and s.slot = h.slot
       and h.owed <> h.before
    returning h.*, s.shard, seckill_private.next_position(s.position, s.position_base) as position
  )
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, position, kind, quantity, at)
  select p_activity_id, c.shard, p_pool_id, c.slot, c.position,
         case when c.owed > c.before then 'debt' else 'debt_dropped' end, abs(c.owed - c.before),
         p_now
    from changed as c;
  return (
    select least(s.owed, p_units) from seckill_private.pool_slot as s
     where s.pool_id = p_pool_id and s.slot = p_slot);
end
$function$;

comment on function seckill_private.gather_debt (
  timestamptz, bigint, bigint, smallint, bigint) is
  'Let a slot owe, of what its pool owes, as much as it is about to get.';
