-- Each inventory row is locked once, however many slots of its pools gave or took units.
-- Raises: SK007 when the inventory has too few.
-- Locks: inventory rows ascending by sku.
create or replace function seckill_private.move_inventories (
  p_now timestamptz,
  p_kind text,
  p_pool_ids bigint[],
  p_deltas bigint[],
  p_actor text,
  p_note text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_group record;
begin
  for v_group in
    select p.sku, p.pool_id, sum(u.delta)::bigint as delta
      from unnest(p_pool_ids, p_deltas) as u (pool_id, delta)
      join seckill_private.pool as p on p.pool_id = u.pool_id
     group by p.sku, p.pool_id
    having sum(u.delta) <> 0
     order by p.sku collate "C", p.pool_id
  loop
    perform seckill_private.move_inventory(
      p_now, v_group.sku, v_group.delta, p_kind, v_group.pool_id, p_actor, p_note);
  end loop;
end
$function$;

comment on function seckill_private.move_inventories (
  timestamptz, text, bigint[], bigint[], text, text) is
  'Add to the inventory what slots gave up, and take what they were given.';
