-- The debt of a pool stands on its first slot, which whoever brings units back locks before his own
-- (lock_returns). The ledger tells of every change: debt, debt_dropped, and drain where it is paid
-- (post_movements). In the feed a debt comes after all that moved in any slot of the pool before.
-- Called with the pool's slots locked.
create or replace function seckill_private.owe_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  with share as (
    select s.slot, s.shard, s.owed as before, p_quantity as owed,
           (select max(seckill_private.next_position(o.position, o.position_base))
              from seckill_private.pool_slot as o
             where o.pool_id = p_pool_id) as position
      from seckill_private.pool_slot as s
     where s.pool_id = p_pool_id
       and s.slot = 0
       and s.owed <> p_quantity
  ), changed as (
    update seckill_private.pool_slot as s
       set owed = h.owed,
           position = h.position
      from share as h
     where s.pool_id = p_pool_id
       and s.slot = h.slot
    returning h.*
  )
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, position, kind, quantity, at, actor, note)
  select p_activity_id, c.shard, p_pool_id, c.slot, c.position,
         case when c.owed > c.before then 'debt' else 'debt_dropped' end, abs(c.owed - c.before),
         p_now, p_actor, p_note
    from changed as c;
end
$function$;

comment on function seckill_private.owe_units (
  timestamptz, bigint, bigint, bigint, text, text) is
  'Set how many units of a pool go to the inventory as soon as they come back.';
