-- The latest release is the first to go: what buyers were told to come soonest still comes.
-- Locks: none that the caller has not taken, and the inventory row.
create or replace function seckill_private.cut_unreleased (
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
  v_release seckill_private.stock_release;
  v_left bigint := least(p_quantity, (seckill_private.slots_of(p_pool_id)).unreleased);
  v_cut bigint := v_left;
  v_lines seckill_private.unit_line[];
begin
  for v_release in
    select f.* from seckill_private.stock_release as f
     where f.pool_id = p_pool_id
     order by f.release_at desc
  loop
    exit when v_left <= 0;
    if v_release.quantity <= v_left then
      delete from seckill_private.stock_release as f
       where f.pool_id = p_pool_id and f.release_at = v_release.release_at;
    else
      update seckill_private.stock_release as f
         set quantity = f.quantity - v_left
       where f.pool_id = p_pool_id and f.release_at = v_release.release_at;
    end if;
    v_left := v_left - least(v_left, v_release.quantity);
  end loop;
  select array_agg(row(p_pool_id, c.slot, c.units, null, null)::seckill_private.unit_line)
    into v_lines
    from (select s.slot,
                 least(s.unreleased, v_cut - (
                   sum(s.unreleased) over (order by s.slot) - s.unreleased)) as units
            from seckill_private.pool_slot as s
           where s.pool_id = p_pool_id) as c
   where c.units > 0;
  perform seckill_private.post_movements(
    p_now, 'cut', 'unreleased', 'inventory', v_lines, p_actor, p_note);
  update seckill_private.pool_slot as s
     set next_release = coalesce(
           seckill_private.next_release(p_pool_id, '-infinity'), 'infinity')
   where s.pool_id = p_pool_id
     and s.slot = 0
     and v_cut > 0;
  return v_cut;
end
$function$;

comment on function seckill_private.cut_unreleased (timestamptz, bigint, bigint, text, text) is
  'Take up to so many units of later releases out of a pool, to the inventory; how many.';
