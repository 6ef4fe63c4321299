-- The holds of some requests of a batch, each pool's with one update of one slot. What is not in
-- the answer had too few units left in its pool after all, or its queue was full, or its slots were
-- in others' hands. p_clock is what tests pass; null means the clock. p_locked: the transaction may
-- have slots already.
-- Locks: slots ascending, or by SKIP LOCKED.
create or replace function seckill_private.grant_plain (
  p_now timestamptz,
  p_clock timestamptz,
  p_requests seckill_private.request[],
  p_sales seckill_private.sale[],
  p_locked boolean
)
  returns setof seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_pool record;
  v_hold record;
  v_slot smallint;
  v_ids bigint[];
begin
  v_result.status := 'held';
  v_result.state := 'held';
  v_result.replayed := false;
  for v_pool in
    select r.pool_id, sum(r.quantity)::bigint as units, count(*)::integer as lines,
           array_agg(r order by r.ordinal) as requests,
           array_agg(r.ordinal order by r.ordinal) as ordinals, min(r.activity_id) as activity_id,
           min(s.limits_revision) as limits_revision,
           min((s.activity).max_waiting) as max_waiting,
           make_interval(secs => min((s.activity).hold_seconds)) as hold,
           (select p.slot_rows from seckill_private.pool as p where p.pool_id = r.pool_id) as slots
      from unnest(p_requests) as r
      join unnest(p_sales) as s on (s.activity).activity_id = r.activity_id
     group by r.pool_id
     order by r.pool_id
  loop
    continue when not seckill_private.enter_queue(
      array[v_pool.pool_id], v_pool.max_waiting, v_pool.slots);
    v_slot := 0;
    if v_pool.slots = 1 then
      v_hold := seckill_private.hold_units(
        p_now, v_pool.pool_id, v_pool.units, p_now + v_pool.hold, v_pool.lines);
    else
      v_hold := seckill_private.take_slots(
        p_now, v_pool.activity_id, v_pool.pool_id, v_pool.units, p_now + v_pool.hold, v_pool.lines,
        seckill_private.shard((p_requests[1]).user_id), null, p_locked);
      v_slot := v_hold.slot;
    end if;
    continue when v_hold.version is null;
    v_result.expires_at := greatest(p_now, coalesce(p_clock, clock_timestamp())) + v_pool.hold;
    v_ids := array(
      select seckill_private.next_reservation_id(v_pool.activity_id)
        from generate_series(1, v_pool.lines));
    insert into seckill_private.reservation (
      buyer_key, request_id, shard, reservation_id, user_id, state, created_at, expires_at,
      limits_revision, position, pool_ids, slots, quantities, versions, subjects)
    select seckill_private.buyer_key(r.activity_id, r.user_id), r.request_id,
           seckill_private.shard(r.user_id), v_ids[r.line], r.user_id, 'held', p_now,
           v_result.expires_at, v_pool.limits_revision, v_hold.feed_position, array[r.pool_id],
           array[v_slot], array[r.quantity], array[v_hold.version - v_pool.lines + r.line],
           r.digests
      from unnest(v_pool.requests) with ordinality as r (
             ordinal, activity_id, user_id, sku, quantity, request_id, region, digests, error_code,
             pool_id, line);
    for v_line in 1 .. v_pool.lines loop
      v_result.ordinal := v_pool.ordinals[v_line];
      v_result.reservation_id := v_ids[v_line];
      return next v_result;
    end loop;
  end loop;
end
$function$;

comment on function seckill_private.grant_plain (
  timestamptz, timestamptz, seckill_private.request[], seckill_private.sale[], boolean) is
  'Take the units of plain requests and write their reservations; the answers.';
