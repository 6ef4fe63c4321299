-- What one slot lacks comes from those that have most. A slot that has enough is left alone.
-- p_slot: the slot that is to have them; null means the fullest. Null when the pool has too few.
-- Called with the pool's slots locked.
create or replace function seckill_private.gather_units (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_slot smallint default null
)
  returns smallint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_slot smallint;
  v_lack bigint;
begin
  select s.slot, p_quantity - s.available into v_slot, v_lack
    from seckill_private.pool_slot as s
   where s.pool_id = p_pool_id
     and (p_slot is null or s.slot = p_slot)
   order by s.available desc, s.slot
   limit 1;
  if v_lack <= 0 then
    return v_slot;
  elsif (seckill_private.slots_of(p_pool_id)).available < p_quantity then
    return null;
  end if;
  perform seckill_private.shift_units(
    p_now, p_pool_id, array_agg(t.slot), array_agg(t.available))
     from (select s.slot,
                  case
                    when s.slot = v_slot then p_quantity
                    else s.available - greatest(0, least(s.available, v_lack - (
                      sum(s.available) filter (where s.slot <> v_slot) over w - s.available)))
                  end::bigint as available
             from seckill_private.pool_slot as s
            where s.pool_id = p_pool_id
           window w as (order by s.slot = v_slot, s.available desc, s.slot)) as t;
  return v_slot;
end
$function$;

comment on function seckill_private.gather_units (timestamptz, bigint, bigint, smallint) is
  'Bring so many available units of a pool together in one slot; which one.';
