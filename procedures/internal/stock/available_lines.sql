-- Called with the pool's slots locked.
create or replace function seckill_private.available_lines (
  p_pool_id bigint,
  p_quantity bigint
)
  returns seckill_private.unit_line[]
  language sql
  stable
begin atomic
  select array_agg(row(p_pool_id, c.slot, c.units, null, null)::seckill_private.unit_line)
    from (select s.slot,
                 least(s.available, p_quantity - (
                   sum(s.available) over (order by s.slot) - s.available)) as units
            from seckill_private.pool_slot as s
           where s.pool_id = p_pool_id) as c
   where c.units > 0;
end;

comment on function seckill_private.available_lines (bigint, bigint) is
  'Up to so many of the available units of a pool, slot by slot, as post_movements takes them.';
