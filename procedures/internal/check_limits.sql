-- I3: at each purchase, use in its window, itself included, was within the limits of the revision
-- that it recorded. What had been given back before it does not count: a cancelled or expired hold
-- from its end on, until a late payment takes the units again.
create or replace function seckill_private.check_limits (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  with line as (
    select r.buyer_key, r.user_id, r.reservation_id, r.created_at, r.limits_revision, r.state,
           r.expires_at, r.resolved_at, coalesce(r.late_status = 'confirmed', false) as late,
           p.sku, u.quantity
      from seckill_private.reservation as r
     cross join lateral unnest(r.pool_ids, r.quantities) as u (pool_id, quantity)
      join seckill_private.pool as p on p.pool_id = u.pool_id
     where r.buyer_key >= p_activity_id << 40
       and r.buyer_key < (p_activity_id + 1) << 40
  ), bound as (
    select l.*, coalesce(l.time_zone, a.time_zone) as zone
      from seckill_private.limit_version as l
      join seckill_private.activity as a on a.activity_id = l.activity_id
     where l.activity_id = p_activity_id
  ), purchase as (
    select distinct b.name, b.metric, b.maximum, b.sku as only_sku, l.buyer_key, l.user_id,
           l.reservation_id,
           case when l.late then l.resolved_at else l.created_at end as decided_at,
           seckill_private.window_of(b.window_kind, b.zone, l.created_at) as bounds
      from bound as b
      join line as l
        on l.limits_revision >= b.since_revision
       and (b.until_revision is null or l.limits_revision < b.until_revision)
       and (b.sku is null or l.sku = b.sku)
  ), usage as (
    select p.name, p.maximum, p.reservation_id,
           case p.metric when 'units' then sum(o.quantity)
             else count(distinct o.reservation_id) end as used
      from purchase as p
      join line as o
        on o.buyer_key = p.buyer_key
       and o.user_id = p.user_id
       and (p.only_sku is null or o.sku = p.only_sku)
       and (o.reservation_id = p.reservation_id
            or o.created_at <@ p.bounds
               and (o.created_at, o.reservation_id) < (p.decided_at, p.reservation_id)
               and case
                     when o.state = 'confirmed' and not o.late then true
                     when o.state = 'cancelled' then p.decided_at < o.resolved_at
                     else p.decided_at < o.expires_at or o.late and o.resolved_at < p.decided_at
                   end)
     group by p.name, p.metric, p.maximum, p.reservation_id
  )
  select 'I3', format('limit %s at reservation %s', u.name, u.reservation_id),
         'at most ' || u.maximum, u.used::text
    from usage as u
   where u.used > u.maximum;
end;

comment on function seckill_private.check_limits (bigint) is
  'Purchases that broke a limit as it stood when they were made (I3).';
