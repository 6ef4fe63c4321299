-- Every hold that is picked for a pool has a unit of it at least, so as many are enough as it
-- lacks; what the pool owes takes the first that come back. p_within, p_beyond: see pick_due_holds.
-- Locks: due holds by SKIP LOCKED.
create or replace function seckill_private.pick_short (
  p_now timestamptz,
  p_activity_ids bigint[],
  p_pool_ids bigint[],
  p_quantities bigint[],
  p_within bigint[],
  p_beyond bigint[] default null
)
  returns seckill_private.unit_line[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool record;
  v_lines seckill_private.unit_line[];
begin
  for v_pool in
    select l.pool_id, l.quantity - sum(s.available) + sum(s.owed) as lacks
      from unnest(p_pool_ids, p_quantities) as l (pool_id, quantity)
      join seckill_private.pool_slot as s on s.pool_id = l.pool_id
     group by l.pool_id, l.quantity
    having l.quantity > sum(s.available)
     order by l.pool_id
  loop
    v_lines := v_lines || seckill_private.pick_due_holds(
      p_now, p_activity_ids, array[v_pool.pool_id], p_within,
      least(greatest(v_pool.lacks, 100), 10000)::integer, p_beyond);
  end loop;
  return v_lines;
end
$function$;

comment on function seckill_private.pick_short (
  timestamptz, bigint[], bigint[], bigint[], bigint[], bigint[]) is
  'Expire ended holds of those pools that have too few units; what is to be given back.';
