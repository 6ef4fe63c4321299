-- The first slots have the units that are over. A pool of one slot has one line.
create or replace function seckill_private.spread_units (
  p_pool_id bigint,
  p_quantity bigint
)
  returns seckill_private.unit_line[]
  language sql
  stable
begin atomic
  select array_agg(row(p_pool_id, l.slot, l.units, null, null)::seckill_private.unit_line)
    from (select n.slot, p_quantity / p.slots + (n.slot < p_quantity % p.slots)::integer as units
            from seckill_private.pool as p
           cross join lateral generate_series(0, p.slots - 1) as n (slot)
           where p.pool_id = p_pool_id) as l
   where l.units > 0;
end;

comment on function seckill_private.spread_units (bigint, bigint) is
  'So many units in even shares for the slots of a pool, as post_movements takes them.';
