-- Grants what is pending, then decides one by one what was short after all, and the request that
-- made it necessary.
create or replace function seckill_private.settle_batch (
  p_now timestamptz,
  p_clock timestamptz,
  p_pending seckill_private.request[],
  p_next seckill_private.request,
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
  v_request seckill_private.request;
  v_granted integer[] := '{}';
  v_short seckill_private.request[] := p_pending;
begin
  if cardinality(p_pending) > 0 then
    for v_result in
      select g.* from seckill_private.grant_plain(p_now, p_clock, p_pending, p_sales, p_locked) as g
    loop
      v_granted := v_granted || v_result.ordinal;
      return next v_result;
    end loop;
  end if;
  if cardinality(v_granted) = cardinality(p_pending) then
    v_short := '{}';
    v_granted := null;
  end if;
  foreach v_request in array v_short || p_next loop
    if v_request.ordinal is not null
       and (v_granted is null or v_request.ordinal <> all (v_granted)) then
      v_result := seckill_private.reserve_one(
        p_clock, v_request.activity_id, v_request.user_id, array[v_request.sku],
        array[v_request.quantity], v_request.request_id, v_request.region, v_request.digests,
        p_locked or cardinality(p_pending) > 0,
        (select s from unnest(p_sales) as s
          where (s.activity).activity_id = v_request.activity_id));
      v_result.ordinal := v_request.ordinal;
      return next v_result;
    end if;
  end loop;
end
$function$;

comment on function seckill_private.settle_batch (
  timestamptz, timestamptz, seckill_private.request[], seckill_private.request,
  seckill_private.sale[], boolean) is
  'The answers to the pending requests of a batch and to the one after them.';
