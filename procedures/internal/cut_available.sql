-- Locks: none that the caller has not taken, and the inventory row.
create or replace function seckill_private.cut_available (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill_private.unit_line[];
begin
  select array_agg(row(p_pool_id, c.slot, c.units, null, null)::seckill_private.unit_line)
    into v_lines
    from (select s.slot,
                 least(s.available, p_quantity - (
                   sum(s.available) over (order by s.slot) - s.available)) as units
            from seckill_private.pool_slot as s
           where s.pool_id = p_pool_id) as c
   where c.units > 0;
  perform seckill_private.post_movements(
    p_now, 'cut', 'available', 'inventory', v_lines, p_actor, p_note);
  return (select coalesce(sum(l.quantity), 0)::bigint from unnest(v_lines) as l);
end
$function$;

comment on function seckill_private.cut_available (timestamptz, bigint, bigint, text, text) is
  'Take up to so many units that are available out of a pool, to the inventory; how many.';
