-- Take the units and write the reservation. A purchase that lacks units takes holds that have ended
-- first. When it is still short while there should be enough, somebody else has those holds in
-- hand: that is busy, not sold_out.
-- The hold lasts from when the units were had: the wait for the slot is not the buyer's time.
-- p_clock is what tests pass; null means the clock.
-- Locks: due holds by SKIP LOCKED, the pool's slot.
create or replace function seckill_private.take_hold (
  p_now timestamptz,
  p_clock timestamptz,
  p_sale seckill_private.sale,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_pool_id bigint,
  p_digests bytea[]
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_activity_id bigint := (p_sale.activity).activity_id;
  v_hold interval := make_interval(secs => (p_sale.activity).hold_seconds);
  v_version bigint;
begin
  v_version := seckill_private.hold_units(p_now, p_pool_id, p_quantity, p_now + v_hold);
  if v_version is null then
    perform seckill_private.expire_holds(
      p_now, array[v_activity_id], p_pool_id, least(greatest(p_quantity, 100), 10000));
    v_version := seckill_private.hold_units(p_now, p_pool_id, p_quantity, p_now + v_hold);
  end if;
  if v_version is null then
    v_result := seckill_private.refuse_stock(v_activity_id, p_pool_id, p_sku, p_quantity, p_now);
    if v_result.status is null then
      v_result.status := 'busy';
      v_result.retry := 'busy';
    end if;
    return v_result;
  end if;
  v_result.status := 'held';
  v_result.state := 'held';
  v_result.reservation_id := seckill_private.next_reservation_id(v_activity_id);
  v_result.expires_at := greatest(p_now, coalesce(p_clock, clock_timestamp())) + v_hold;
  insert into seckill_private.reservation (
    buyer_key, request_id, shard, reservation_id, user_id, state, created_at, expires_at,
    limits_revision, position, pool_ids, slots, quantities, versions, subjects)
  values (
    seckill_private.buyer_key(v_activity_id, p_user_id), p_request_id,
    seckill_private.shard(p_user_id), v_result.reservation_id, p_user_id, 'held', p_now,
    v_result.expires_at, p_sale.limits_revision,
    seckill_private.hold_position(array[p_pool_id], array[0]::smallint[]), array[p_pool_id],
    array[0]::smallint[], array[p_quantity], array[v_version], p_digests);
  return v_result;
end
$function$;

comment on function seckill_private.take_hold (
  timestamptz, timestamptz, seckill_private.sale, text, text, integer, uuid, bigint, bytea[]) is
  'Take units that were there a moment ago and write the reservation: held, sold_out or busy.';
