-- A slot above the pool's number of slots keeps none: there are more where the number was lowered.
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
             when t.slot < t.slots then t.units / t.slots + (t.slot < t.units % t.slots)::integer
             else 0
           end))
    from (select s.slot, p.slots, sum(s.available) over ()::bigint as units
            from seckill_private.pool as p
            join seckill_private.pool_slot as s on s.pool_id = p.pool_id
           where p.pool_id = p_pool_id) as t
  having count(*) > 1;
end;

comment on function seckill_private.level_slots (timestamptz, bigint) is
  'Spread what is available in a pool evenly over its slots.';
