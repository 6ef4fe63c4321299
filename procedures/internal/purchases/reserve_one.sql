-- The whole decision "may this buyer have these units?". Lines are merged and sorted by sku.
-- p_locked: the transaction has the slots of these pools, so no lower one may be waited for.
-- p_sale: as a batch read it when it locked the subjects of all its requests. A limit that was set
-- since then does not bind it: to lock by that one now would be out of order.
--
-- Precedence: replay; ended, not_started, paused; sold_out; not_eligible; limit_exceeded; busy;
--   held. Exact for calls one after another; under concurrency a status was true at some moment
--   during the call.
-- Time: a clock that is behind what the subjects have seen is moved up to it, and the decision made
--   once more: else a window that is over would open again.
-- v_locked is never read: see seckill.reserve.
-- Locks: the user; the request's other subjects, where no p_sale is given; due holds of the pools
--   by SKIP LOCKED; the pools' slots, taken last, held shortest.
-- Errors: SK001 (a limit's dimension is missing), SK002, SK003, SK004 are rows too (status error),
--   so that one of them in a batch costs no subtransaction. A refusal writes nothing and may be
--   tried again with the same request id.
create or replace function seckill_private.reserve_one (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text,
  p_digests bytea[],
  p_locked boolean,
  p_sale seckill_private.sale default null
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_sale seckill_private.sale;
  v_check seckill_private.check;
  v_look seckill_private.line_look;
  v_pool_ids bigint[];
  v_is_short boolean;
  v_is_known boolean := true;
  v_now timestamptz;
  v_locked boolean := seckill_private.lock_subject('user', p_user_id);
begin
  if cardinality(p_skus) = 1 then
    v_look := seckill_private.look_at_line(p_activity_id, p_user_id, p_skus[1], p_region);
    v_pool_ids := array[v_look.pool_id];
    v_result := seckill_private.answer_newcomer(
      p_now, p_activity_id, p_user_id, p_skus[1], p_quantities[1], p_request_id, p_digests, v_look);
    if v_result.status is not null then
      v_result.replayed := false;
      return v_result;
    end if;
    v_is_short := v_look.available < p_quantities[1];
    v_is_known := v_look.is_known;
  else
    v_pool_ids := seckill_private.pools_of_lines(p_activity_id, p_skus, p_region);
    v_is_short := seckill_private.short_pools(v_pool_ids, p_quantities::bigint[]) is not null;
  end if;
  v_sale := coalesce(p_sale, seckill_private.find_sale(p_activity_id));
  if (v_sale.activity).activity_id is null then
    return seckill_private.request_error('SK002');
  end if;
  if v_is_known is not false then
    v_result := seckill_private.answer_again(
      p_now, p_activity_id, p_user_id, p_request_id, p_region, p_skus, p_quantities);
    if v_result.status is not null then
      return v_result;
    end if;
  end if;
  if array_position(v_pool_ids, null) is not null then
    return seckill_private.request_error('SK003');
  elsif seckill_private.missing_dimension(v_sale.limits, p_skus, p_digests) is not null then
    return seckill_private.request_error('SK001');
  end if;
  if p_digests is not null and p_sale is null then
    perform seckill_private.lock_digests(p_digests, v_sale.limits);
  end if;
  v_now := case
    when not v_is_known and p_digests is null
      then greatest(coalesce(p_now, clock_timestamp()), v_look.seen_at)
    else seckill_private.now_at(p_now, v_pool_ids, p_activity_id, p_user_id)
  end;
  loop
    v_check := seckill_private.decide(
      v_sale, p_user_id, p_digests, p_skus, p_quantities, v_pool_ids, v_is_short, v_is_known,
      v_now);
    exit when (v_check.seen_at > v_now) is not true;
    v_now := v_check.seen_at;
  end loop;
  if v_check.answer is not null then
    v_result := seckill_private.refusal(v_check);
  else
    v_result := seckill_private.take_hold(
      v_now, p_now, v_sale, p_user_id, p_skus, p_quantities, p_request_id, v_pool_ids, p_digests,
      v_is_short, v_look.slot_rows, p_locked);
  end if;
  v_result.replayed := false;
  return v_result;
end
$function$;

comment on function seckill_private.reserve_one (
  timestamptz, bigint, text, text[], integer[], uuid, text, bytea[], boolean,
  seckill_private.sale) is
  'Reserve the lines of an order for one buyer at a given instant (null: the clock). p_locked: the '
  'transaction holds slots already.';
