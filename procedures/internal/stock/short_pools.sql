-- By the stored counters: holds that have ended and releases that are due are not in them yet
-- (settle_short).
create or replace function seckill_private.short_pools (
  p_pool_ids bigint[],
  p_quantities bigint[]
)
  returns bigint[]
  language sql
  stable
begin atomic
  select array_agg(l.pool_id)
    from unnest(p_pool_ids, p_quantities) as l (pool_id, quantity)
   where l.quantity > (
           select sum(s.available) from seckill_private.pool_slot as s where s.pool_id = l.pool_id);
end;

comment on function seckill_private.short_pools (bigint[], bigint[]) is
  'Those of some pools whose counter of available units is too low; null where none is.';
