-- Take the units and write the reservation. A purchase that lacks units takes holds that have ended
-- and releases that are due first. When it is still short while there should be enough, somebody
-- else has those in hand: that is busy, not sold_out. So is a pool whose queue is full.
-- The hold lasts from when the units were had: the wait for the slot is not the buyer's time.
-- p_clock is what tests pass; null means the clock. p_slots: of the pool, where it is one.
-- Locks: due holds by SKIP LOCKED, the pools' slots ascending.
create or replace function seckill_private.take_hold (
  p_now timestamptz,
  p_clock timestamptz,
  p_sale seckill_private.sale,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_pool_ids bigint[],
  p_digests bytea[],
  p_is_short boolean,
  p_slots integer,
  p_locked boolean
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_check seckill_private.check;
  v_activity_id bigint := (p_sale.activity).activity_id;
  v_hold interval := make_interval(secs => (p_sale.activity).hold_seconds);
  v_pool_ids bigint[] := p_pool_ids;
  v_quantities integer[] := p_quantities;
  v_taken seckill_private.taken;
begin
  if cardinality(p_pool_ids) > 1 then
    select array_agg(l.pool_id order by l.pool_id), array_agg(l.quantity order by l.pool_id)
      into v_pool_ids, v_quantities
      from unnest(p_pool_ids, p_quantities) as l (pool_id, quantity);
  end if;
  if (p_sale.activity).max_waiting is not null
     and not seckill_private.enter_queue(
           p_pool_ids, (p_sale.activity).max_waiting, coalesce(p_slots, 1)) then
    v_result.status := 'busy';
    v_result.retry := 'busy';
    return v_result;
  end if;
  v_taken := seckill_private.take_units(
    p_now, v_activity_id, v_pool_ids, v_quantities, p_now + v_hold, p_is_short, p_slots, p_user_id,
    p_locked);
  if v_taken.versions is null then
    select c.* into v_check
      from seckill_private.gate_checks(
             p_sale, p_user_id, p_digests, p_skus, p_quantities, p_pool_ids, p_now) as c
     where c.check_name = 'stock'
       and c.answer is not null
     limit 1;
    v_result := seckill_private.refusal(v_check);
    v_result.status := coalesce(v_result.status, 'busy');
    v_result.retry := coalesce(v_result.retry, 'busy');
    return v_result;
  end if;
  return seckill_private.write_hold(
    p_now, v_activity_id, p_user_id, p_request_id,
    greatest(p_now, coalesce(p_clock, clock_timestamp())) + v_hold, p_sale.limits_revision,
    v_pool_ids, v_quantities, v_taken, p_digests);
end
$function$;

comment on function seckill_private.take_hold (
  timestamptz, timestamptz, seckill_private.sale, text, text[], integer[], uuid, bigint[],
  bytea[], boolean, integer, boolean) is
  'Take units that were there a moment ago and write the reservation: held, sold_out or busy.';
