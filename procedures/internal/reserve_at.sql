-- The whole decision "may this buyer have these units?".
--
-- Precedence: replay; ended, not_started, paused; sold_out; limit_exceeded; busy; held. Exact for
--   calls one after another; under concurrency a status was true at some moment during the call.
-- Locks: the user; due holds of the pool by SKIP LOCKED; the pool's slot, taken last, held
--   shortest.
-- Raises: SK002, SK003, SK004. A refusal writes nothing and may be tried again with the same
--   request id.
create or replace function seckill_private.reserve_at (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_region text,
  p_digests bytea[]
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_row seckill_private.reservation;
  v_sale seckill_private.sale;
  v_pool_id bigint;
  v_now timestamptz;
begin
  perform seckill_private.lock_subject('user', p_user_id);
  v_sale := seckill_private.load_sale(p_activity_id);
  select r.* into v_row
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
     and r.request_id = p_request_id
     and r.user_id = p_user_id;
  if found then
    if not seckill_private.same_request(v_row, p_region, array[p_sku], array[p_quantity]) then
      perform seckill_private.raise_error('SK004', 'request ' || p_request_id);
    end if;
    v_now := seckill_private.now_at(p_now, v_row.pool_ids, p_activity_id, p_user_id);
    return seckill_private.replay(v_row, v_now);
  end if;
  v_pool_id := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  v_now := seckill_private.now_at(p_now, array[v_pool_id], p_activity_id, p_user_id);
  v_result := seckill_private.refuse_sale(v_sale.activity, v_now);
  if v_result.status is null then
    v_result := seckill_private.refuse_stock(p_activity_id, v_pool_id, p_sku, p_quantity, v_now);
  end if;
  if v_result.status is null then
    v_result := seckill_private.refuse_limit(
      v_sale.limits, v_sale.activity, p_user_id, array[p_sku], array[p_quantity], v_now, v_now);
  end if;
  if v_result.status is null then
    v_result := seckill_private.take_hold(
      v_now, p_now, v_sale, p_user_id, p_sku, p_quantity, p_request_id, v_pool_id, p_digests);
  end if;
  v_result.replayed := false;
  return v_result;
end
$function$;

comment on function seckill_private.reserve_at (
  timestamptz, bigint, text, text, integer, uuid, text, bytea[]) is
  'Reserve units for one buyer at a given instant (null: the clock); the body of seckill.reserve.';
