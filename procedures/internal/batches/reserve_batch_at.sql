-- The requests of a batch, answered as if they had come one after another in their order. A request
-- that only want of units can refuse (mark_plain) waits until the next one that has to be looked at
-- by itself, or the end; then all that wait are granted with one update of each slot (grant_plain).
-- Counting units in memory is safe: the update is conditional, and what it refuses is decided anew.
-- Pools are few in a batch. Those of several are locked before the first request, since locks on
-- slots are waited for in ascending order only.
-- Locks: the users; the other subjects; slots ascending, and of several pools the inventory of
--   those in debt (pools_of_batch); due holds by SKIP LOCKED.
create or replace function seckill_private.reserve_batch_at (
  p_now timestamptz,
  p_requests seckill_private.request[]
)
  returns setof seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_sales seckill_private.sale[];
  v_plain boolean[] := array_fill(false, array[cardinality(p_requests)]);
  v_request seckill_private.request;
  v_pending seckill_private.request[] := '{}';
  v_results seckill.reserve_result[];
  v_result seckill.reserve_result;
  v_refusal seckill.reserve_result;
  v_refused seckill_private.request;
  v_pools record;
  v_left bigint[];
  v_at integer;
  v_now timestamptz;
begin
  perform seckill_private.lock_buyers(
    array(select r.user_id from unnest(p_requests) as r where r.error_code is null));
  v_sales := seckill_private.sales_of(p_requests);
  perform seckill_private.lock_all_digests(p_requests, v_sales);
  select * into v_pools from seckill_private.pools_of_batch(p_now, p_requests);
  v_left := v_pools.available;
  v_now := v_pools.decided_at;
  for i in 1 .. cardinality(v_sales) loop
    v_plain := seckill_private.mark_plain(
      p_requests, v_plain, v_sales[i], v_pools.fresh_ids, v_now);
  end loop;
  foreach v_request in array p_requests loop
    v_at := array_position(v_pools.pool_ids, v_request.pool_id);
    if v_request.error_code is not null then
      v_results[v_request.ordinal] := seckill_private.request_error(v_request.error_code);
    elsif v_plain[v_request.ordinal] and v_left[v_at] >= v_request.quantity then
      v_left[v_at] := v_left[v_at] - v_request.quantity;
      v_pending := v_pending || v_request;
      v_refused := null;
    elsif v_plain[v_request.ordinal] and v_request.pool_id = v_refused.pool_id
          and v_request.quantity = v_refused.quantity then
      v_results[v_request.ordinal] := v_refusal;
    else
      for v_result in
        select b.*
          from seckill_private.settle_batch(
                 v_now, p_now, v_pending, v_request, v_sales, v_pools.locked) as b
      loop
        v_results[v_result.ordinal] := v_result;
      end loop;
      v_pending := '{}';
      v_pools.locked := true;
      v_left := seckill_private.available_of(v_pools.pool_ids);
      v_refusal := v_results[v_request.ordinal];
      v_refused := case
        when v_plain[v_request.ordinal] and v_refusal.status = 'sold_out' then v_request
      end;
    end if;
  end loop;
  for v_result in
    select b.*
      from seckill_private.settle_batch(
             v_now, p_now, v_pending, null, v_sales, v_pools.locked) as b
  loop
    v_results[v_result.ordinal] := v_result;
  end loop;
  for i in 1 .. cardinality(p_requests) loop
    v_result := v_results[i];
    v_result.ordinal := i;
    return next v_result;
  end loop;
end
$function$;

comment on function seckill_private.reserve_batch_at (timestamptz, seckill_private.request[]) is
  'Reserve a batch of requests at a given instant (null: the clock); the body of '
  'seckill.reserve_batch.';
