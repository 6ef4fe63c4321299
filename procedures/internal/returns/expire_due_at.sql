-- Only activities with a slot that is due are looked at: next_expiry or next_release has passed.
-- Releases that are due are made too. Sales in which nobody buys at this instant are swept first,
-- all together. Only where they have nothing to do, it waits for a sale that somebody buys in, and
-- for one only: a session that hangs in one sale delays no other one. Which one is left to chance,
-- so that it is not always the one that hangs.
-- Locks: due holds by SKIP LOCKED; then the slots of those holds and of due releases, at once;
--   inventory rows by sku, where a pool is closed or in debt.
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
  v_activity_ids bigint[] := array(
    select p.activity_id
      from seckill_private.pool_slot as s
      join seckill_private.pool as p on p.pool_id = s.pool_id
     where s.next_expiry <= v_now
     union
    select p.activity_id
      from seckill_private.pool_slot as s
      join seckill_private.pool as p on p.pool_id = s.pool_id
     where s.next_release <= v_now
     order by 1);
  v_some bigint[] := seckill_private.free_activities(v_now, v_activity_ids);
  v_others bigint[] := array(
    select u.id from unnest(v_activity_ids) as u (id)
     where u.id <> all (v_some)
     order by random());
  v_lines seckill_private.unit_line[];
  v_releasing bigint[];
begin
  loop
    v_lines := seckill_private.pick_due_holds(v_now, v_some, null, null, p_limit);
    v_releasing := array(
      select s.pool_id
        from seckill_private.pool as p
        join seckill_private.pool_slot as s on s.pool_id = p.pool_id
       where p.activity_id = any (v_some)
         and s.next_release <= v_now);
    exit when v_lines is not null or v_releasing <> '{}' or v_others = '{}';
    v_some := v_others[1:1];
    v_others := v_others[2:];
  end loop;
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
