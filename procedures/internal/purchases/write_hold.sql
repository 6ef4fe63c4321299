-- The reservation, which is the ledger row of its hold.
create or replace function seckill_private.write_hold (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_request_id uuid,
  p_expires_at timestamptz,
  p_limits_revision bigint,
  p_pool_ids bigint[],
  p_quantities integer[],
  p_taken seckill_private.taken,
  p_digests bytea[]
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
begin
  v_result.status := 'held';
  v_result.state := 'held';
  v_result.reservation_id := seckill_private.next_reservation_id(p_activity_id);
  v_result.expires_at := p_expires_at;
  insert into seckill_private.reservation (
    buyer_key, request_id, shard, reservation_id, user_id, state, created_at, expires_at,
    limits_revision, position, pool_ids, slots, quantities, versions, subjects)
  values (
    seckill_private.buyer_key(p_activity_id, p_user_id), p_request_id,
    seckill_private.shard(p_user_id), v_result.reservation_id, p_user_id, 'held', p_now,
    p_expires_at, p_limits_revision, p_taken.position, p_pool_ids, p_taken.slots, p_quantities,
    p_taken.versions, p_digests);
  return v_result;
end
$function$;

comment on function seckill_private.write_hold (
  timestamptz, bigint, text, uuid, timestamptz, bigint, bigint[], integer[],
  seckill_private.taken, bytea[]) is
  'Write the reservation of units that were taken, and give the answer held.';
