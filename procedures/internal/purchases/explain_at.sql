-- The checks of reserve_at, all of them and in their order; nothing is locked. A request that was
-- answered before is not checked again.
-- Raises: as reserve_at.
create or replace function seckill_private.explain_at (
  p_now timestamptz,
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text,
  p_digests bytea[]
)
  returns setof seckill.check_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_sale seckill_private.sale := seckill_private.load_sale(p_activity_id);
  v_row seckill_private.reservation := seckill_private.find_request(
    p_activity_id, p_user_id, p_request_id, p_region, p_skus, p_quantities);
  v_pool_ids bigint[];
  v_now timestamptz;
begin
  if v_row.reservation_id is not null then
    v_check.check_name := 'replay';
    return next seckill_private.show_check(v_check);
    return;
  end if;
  v_pool_ids := seckill_private.find_pools(p_activity_id, p_skus, p_region);
  perform seckill_private.require_dimension(
    seckill_private.missing_dimension(v_sale.limits, p_skus, p_digests));
  v_now := seckill_private.now_at(p_now, v_pool_ids, p_activity_id, p_user_id);
  v_now := greatest(v_now, (
    select max(c.seen_at)
      from seckill_private.limit_checks(
             v_sale, p_user_id, p_digests, p_skus, p_quantities, v_now, v_now) as c));
  return query
    select s.*
      from seckill_private.gate_checks(
             v_sale, p_user_id, p_digests, p_skus, p_quantities, v_pool_ids, v_now) as c
     cross join lateral seckill_private.show_check(c) as s;
  return query
    select s.*
      from seckill_private.limit_checks(
             v_sale, p_user_id, p_digests, p_skus, p_quantities, v_now, v_now) as c
     cross join lateral seckill_private.show_check(c) as s;
end
$function$;

comment on function seckill_private.explain_at (
  timestamptz, bigint, text, text[], integer[], uuid, text, bytea[]) is
  'Every check of a purchase at a given instant (null: the clock); the body of seckill.explain.';
