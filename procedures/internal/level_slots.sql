-- A slot that owes units keeps none, and one above the pool's number of slots is no longer used.
-- Called with the pool's slots locked.
create or replace function seckill_private.level_slots (
  p_now timestamptz,
  p_pool_id bigint
)
  returns void
  language sql
  volatile
begin atomic
  select seckill_private.shift_units(
           p_now, p_pool_id, array_agg(t.slot),
           array_agg(case
             when t.open then t.units / t.slots + (t.place <= t.units % t.slots)::integer
             else 0
           end))
    from (select s.slot, o.open, sum(s.available) over ()::bigint as units,
                 count(*) filter (where o.open) over () as slots,
                 row_number() over (partition by o.open order by s.slot) as place
            from seckill_private.pool as p
            join seckill_private.pool_slot as s on s.pool_id = p.pool_id
           cross join lateral (select s.owed = 0 and s.slot < p.slots as open) as o
           where p.pool_id = p_pool_id) as t
  having max(t.slots) > 0 and count(*) > 1;
end;

comment on function seckill_private.level_slots (timestamptz, bigint) is
  'Spread what is available in a pool evenly over its slots.';
