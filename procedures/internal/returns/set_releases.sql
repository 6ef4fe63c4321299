-- What the old schedule kept back becomes available first; then the new one takes its units. A new
-- release that is due already is made at once. What waits for its release is all in slot 0.
-- Locks: due holds by SKIP LOCKED; the pool's slots, and those of the holds that are settled;
--   inventory (settle_short).
-- Raises: SK007 when fewer units are available.
create or replace function seckill_private.set_releases (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_release_at timestamptz[],
  p_quantities bigint[],
  p_actor text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_now timestamptz := seckill_private.now_at(p_now, array[p_pool_id]);
  v_units bigint := (select coalesce(sum(q), 0)::bigint from unnest(p_quantities) as q);
begin
  perform seckill_private.settle_short(
    v_now, p_activity_id, array[p_pool_id], array[v_units], false);
  perform seckill_private.lock_slots(array[p_pool_id]);
  perform seckill_private.release_due(v_now, 'infinity', array[p_pool_id], p_actor);
  perform seckill_private.settle_short(
    v_now, p_activity_id, array[p_pool_id], array[v_units], true);
  if seckill_private.short_pools(array[p_pool_id], array[v_units]) is not null then
    perform seckill_private.raise_error('SK007', 'fewer than ' || v_units || ' are available');
  elsif v_units > 0 then
    perform seckill_private.gather_units(v_now, p_pool_id, v_units, 0::smallint);
    perform seckill_private.post_movements(
      v_now, 'schedule', 'available', 'unreleased',
      array[row(p_pool_id, 0, v_units, null, null)::seckill_private.unit_line], p_actor);
    insert into seckill_private.stock_release (pool_id, release_at, quantity)
    select p_pool_id, u.release_at, u.quantity
      from unnest(p_release_at, p_quantities) as u (release_at, quantity);
    update seckill_private.pool_slot as s
       set next_release = seckill_private.next_release(p_pool_id, '-infinity')
     where s.pool_id = p_pool_id
       and s.slot = 0;
    perform seckill_private.release_due(v_now, v_now, array[p_pool_id], p_actor);
    perform seckill_private.level_slots(v_now, p_pool_id);
  end if;
end
$function$;

comment on function seckill_private.set_releases (
  timestamptz, bigint, bigint, timestamptz[], bigint[], text) is
  'Replace the schedule of releases of a pool.';
