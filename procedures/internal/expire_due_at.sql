-- Only activities with a slot whose next_expiry has passed are looked at. Releases that are due are
-- made too.
-- Locks: due holds by SKIP LOCKED; then the slots of those holds and of due releases, at once.
create or replace function seckill_private.expire_due_at (
  p_now timestamptz,
  p_limit integer,
  p_actor text
)
  returns integer
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_lines seckill_private.unit_line[];
  v_activity_ids bigint[] := array(
    select distinct p.activity_id
      from seckill_private.pool_slot as s
      join seckill_private.pool as p on p.pool_id = s.pool_id
     where s.next_expiry <= v_now
     order by p.activity_id);
  v_releasing bigint[] := array(
    select s.pool_id from seckill_private.pool_slot as s where s.next_release <= v_now);
begin
  v_lines := seckill_private.pick_due_holds(v_now, v_activity_ids, null, null, p_limit);
  perform seckill_private.lock_slots(
    v_releasing || array(select l.pool_id from unnest(v_lines) as l));
  perform seckill_private.post_movements(
    v_now, 'expire', 'held', 'available', v_lines, p_actor);
  perform seckill_private.release_due(v_now, v_now, v_releasing, p_actor);
  perform seckill_private.refresh_next_expiry(v_now, v_activity_ids);
  return (select count(distinct l.reservation_id) from unnest(v_lines) as l);
end
$function$;

comment on function seckill_private.expire_due_at (timestamptz, integer, text) is
  'Settle up to p_limit ended holds of all activities; the body of seckill.expire_due.';
