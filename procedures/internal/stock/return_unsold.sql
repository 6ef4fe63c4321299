-- Holds live on; closed makes what they release later follow to the inventory. What was not yet
-- released is released first.
-- Locks: the slots of the activity ascending, then inventory rows.
create or replace function seckill_private.return_unsold (
  p_now timestamptz,
  p_activity_id bigint,
  p_actor text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_pool_ids bigint[];
  v_lines seckill_private.unit_line[];
begin
  select array_agg(p.pool_id) into v_pool_ids
    from seckill_private.pool as p
   where p.activity_id = p_activity_id;
  perform from seckill_private.pool_slot as s
    where s.pool_id = any (v_pool_ids)
    order by s.pool_id, s.slot
      for update;
  perform seckill_private.release_due(
    seckill_private.now_at(p_now, v_pool_ids), 'infinity', v_pool_ids, p_actor);
  select array_agg(row(s.pool_id, s.slot, s.available, null, null)::seckill_private.unit_line)
    into v_lines
    from seckill_private.pool_slot as s
   where s.pool_id = any (v_pool_ids)
     and s.available > 0;
  perform seckill_private.post_movements(
    seckill_private.now_at(p_now, v_pool_ids), 'close', 'available', 'inventory', v_lines,
    p_actor);
  update seckill_private.pool_slot as s
     set closed = true
   where s.pool_id = any (v_pool_ids);
  return (select coalesce(sum(l.quantity), 0)::bigint from unnest(v_lines) as l);
end
$function$;

comment on function seckill_private.return_unsold (timestamptz, bigint, text) is
  'Give what is available in an activity back to the inventory, and shut its pools; units '
  'returned.';
