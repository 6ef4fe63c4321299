-- Finds, with one look for the whole batch, the requests of a sale that may be granted while
-- their pool has the units: it is on sale, has no lists, nothing is known of the request id, no
-- other request of the batch has the same user, limited subject or request id, no row has seen a
-- later time, and every limit has room. The others are decided one by one (reserve_one), by the
-- same rules.
-- Not exists: a hashed subplan would read the whole table.
create or replace function seckill_private.mark_plain (
  p_requests seckill_private.request[],
  p_plain boolean[],
  p_sale seckill_private.sale,
  p_fresh_pool_ids bigint[],
  p_now timestamptz
)
  returns boolean[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity seckill_private.activity := p_sale.activity;
  v_limit seckill_private.limit_version;
  v_twice text[];
  v_ids_twice uuid[];
  v_plain boolean[];
  v_known boolean[];
begin
  if p_sale.lists is not null
     or not seckill_private.is_on_sale(
          v_activity.state, v_activity.starts_at, v_activity.ends_at, p_now)
     or exists (select from unnest(p_sale.limits) as l
                 where seckill_private.crosses_activities(l)) then
    return p_plain;
  end if;
  v_twice := array(
    select r.user_id
      from unnest(p_requests) as r
     where r.error_code is null
     group by r.user_id
    having count(*) > 1);
  v_ids_twice := array(
    select r.request_id from unnest(p_requests) as r group by r.request_id having count(*) > 1);
  select array_agg(
           p_plain[r.ordinal]
           or r.activity_id = v_activity.activity_id and r.error_code is null
              and r.user_id <> all (v_twice)
              and r.request_id <> all (v_ids_twice)
              and r.pool_id = any (p_fresh_pool_ids)
              and (not r.known or (
                select bool_and(
                         o.request_id <> r.request_id
                         and greatest(o.created_at, o.resolved_at, o.refunded_at) <= p_now)
                  from seckill_private.reservation as o
                 where o.buyer_key
                       = seckill_private.buyer_key(v_activity.activity_id, r.user_id)
                   and o.shard = seckill_private.shard(r.user_id)))
           order by r.ordinal),
         array_agg(r.known order by r.ordinal)
    into v_plain, v_known
    from (select q.*,
                 coalesce((
                   select true
                     from seckill_private.reservation as o
                    where o.buyer_key
                          = seckill_private.buyer_key(v_activity.activity_id, q.user_id)
                      and o.shard = seckill_private.shard(q.user_id)
                    limit 1), false) as known
            from unnest(p_requests) as q
          offset 0) as r;
  foreach v_limit in array coalesce(p_sale.limits, '{}') loop
    v_plain := seckill_private.mark_within(
      p_requests, v_plain, v_known, v_limit, v_activity, p_now);
  end loop;
  return v_plain;
end
$function$;

comment on function seckill_private.mark_plain (
  seckill_private.request[], boolean[], seckill_private.sale, bigint[], timestamptz) is
  'Mark the requests of a batch that nothing but want of units can refuse; p_plain: those of other '
  'sales that are marked.';
