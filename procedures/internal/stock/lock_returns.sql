-- What a pool owes stands on its first slot, and is paid by what comes back to any. So the first
-- slot is locked too, and as the lowest before the others: a debt that is made meanwhile
-- (set_stock_total locks all slots) is made before or after, and not passed over. What comes back
-- to first slots alone needs none of this.
-- Locks: slots ascending.
create or replace function seckill_private.lock_returns (
  p_target text,
  p_lines seckill_private.unit_line[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if p_target = 'available' and exists (select from unnest(p_lines) as l where l.slot > 0) then
    perform
       from seckill_private.pool_slot as s
      where s.pool_id = any (array(select l.pool_id from unnest(p_lines) as l))
        and (s.slot = 0
             or (s.pool_id, s.slot) in (select l.pool_id, l.slot from unnest(p_lines) as l))
      order by s.pool_id, s.slot
        for update;
  end if;
end
$function$;

comment on function seckill_private.lock_returns (text, seckill_private.unit_line[]) is
  'Lock the slots that units come back to (p_target: available), and the first of each pool.';
