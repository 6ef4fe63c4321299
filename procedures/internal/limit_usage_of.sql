-- What every limit in p_limits says of one more purchase by this user: how much of it is used in
-- the window that holds p_window_at, and how much of that are unpaid holds. Read from the user's
-- own reservations, which is exact because every writer of them holds the user's lock
-- (lock_subject). p_except leaves one reservation out: a late payment is not its own competitor.
create or replace function seckill_private.limit_usage_of (
  p_limits seckill_private.limit_version[],
  p_time_zone text,
  p_activity_id bigint,
  p_user_id text,
  p_now timestamptz,
  p_window_at timestamptz,
  p_except bigint default null
)
  returns table (
    limit_name text, metric text, maximum bigint, sku text, used bigint, unpaid bigint,
    first_expiry timestamptz, resets_at timestamptz
  )
  language sql
  stable
begin atomic
  select l.name, l.metric, l.maximum, l.sku,
         coalesce(sum(o.used), 0)::bigint,
         coalesce(sum(o.used) filter (where o.state in ('held', 'expired')), 0)::bigint,
         min(o.expires_at) filter (where o.state in ('held', 'expired')),
         upper(w.bounds)
    from unnest(p_limits) as l
   cross join lateral seckill_private.window_of(
           l.window_kind, coalesce(l.time_zone, p_time_zone), p_window_at) as w (bounds)
    left join lateral (
           select r.state, r.expires_at,
                  case l.metric when 'units' then sum(u.quantity) else least(sum(u.quantity), 1) end as used
             from seckill_private.reservation as r
            cross join lateral unnest(
                     r.pool_ids, seckill_private.remaining(r.quantities, r.restored)) as u (pool_id, quantity)
             join seckill_private.pool as p on p.pool_id = u.pool_id
            where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
              and r.user_id = p_user_id
              and r.reservation_id is distinct from p_except
              and (r.state in ('confirmed', 'refunded')
                   or r.state in ('held', 'expired') and r.expires_at > p_now)
              and r.created_at <@ w.bounds
              and (l.sku is null or p.sku = l.sku)
            group by r.reservation_id, r.state, r.expires_at) as o on true
   group by l.name, l.metric, l.maximum, l.sku, w.bounds;
end;

comment on function seckill_private.limit_usage_of (
  seckill_private.limit_version[], text, bigint, text, timestamptz, timestamptz, bigint) is
  'Use of each limit by one user, in units or orders, in the window that holds an instant.';
