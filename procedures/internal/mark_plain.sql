-- Finds, with one look for the whole batch, the requests of a sale that may be granted while
-- their pool has the units: it is on sale, has no lists, nothing is known of the request id, no
-- other request of the batch has the same user or limited subject, no row has seen a later time,
-- and every limit has room. The others are decided one by one (reserve_one), by the same rules.
create or replace function seckill_private.mark_plain (
  p_requests seckill_private.request[],
  p_sale seckill_private.sale,
  p_fresh_pool_ids bigint[],
  p_now timestamptz
)
  returns seckill_private.request[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity seckill_private.activity := p_sale.activity;
  v_limit seckill_private.limit_version;
  v_requests seckill_private.request[];
begin
  if p_sale.lists is not null
     or seckill_private.sale_status(
          v_activity.state, v_activity.starts_at, v_activity.ends_at, p_now) <> 'on_sale'
     or exists (select from unnest(p_sale.limits) as l
                 where seckill_private.crosses_activities(l)) then
    return p_requests;
  end if;
  v_requests := array(
    select row(
             r.ordinal, r.activity_id, r.user_id, r.sku, r.quantity, r.request_id, r.region,
             r.digests, r.error_code, r.pool_id,
             r.plain or r.activity_id = v_activity.activity_id and r.error_code is null
               and r.times = 1
               and r.pool_id = any (p_fresh_pool_ids)
               and (select coalesce(bool_and(
                             o.request_id <> r.request_id
                             and greatest(o.created_at, o.resolved_at, o.refunded_at) <= p_now),
                           true)
                      from seckill_private.reservation as o
                     where o.buyer_key
                           = seckill_private.buyer_key(v_activity.activity_id, r.user_id)
                       and o.user_id = r.user_id))::seckill_private.request
      from (select u.*, count(*) over (partition by u.user_id) as times
              from unnest(p_requests) as u) as r
     order by r.ordinal);
  foreach v_limit in array coalesce(p_sale.limits, '{}') loop
    v_requests := seckill_private.mark_within(v_requests, v_limit, v_activity, p_now);
  end loop;
  return v_requests;
end
$function$;

comment on function seckill_private.mark_plain (
  seckill_private.request[], seckill_private.sale, bigint[], timestamptz) is
  'Mark the requests of a batch that nothing but want of units can refuse.';
