-- What the purchases under each limit of an activity added to its use, and took back, as events
-- in time: judged are the purchases of this activity that the limit applied to, as it stood at
-- the revision which they recorded. Purchases before a limit was set count, and are not judged.
-- A limit that crosses activities counts those of all. What was refunded counts as if never
-- bought, so a breach may be missed for it, never made up. decided: the event is a decision of
-- its own, which saw whatever else happened at that instant.
create or replace function seckill_private.limit_events (
  p_activity_id bigint
)
  returns table (
    name text, activity_id bigint, since_revision bigint, maximum bigint, period interval,
    subject bytea, part text, reservation_id bigint, revision bigint, at timestamptz,
    dated timestamptz, delta bigint, decided boolean, judged boolean
  )
  language sql
  stable
begin atomic
  with bound as (
    select l as rule, l.name, coalesce(l.time_zone, a.time_zone) as zone,
           seckill_private.crosses_activities(l) as crosses,
           seckill_private.pools_of_sku(
             l.sku, case when not seckill_private.crosses_activities(l) then p_activity_id end
           ) as only_pools
      from seckill_private.limit_version as l
     cross join seckill_private.activity as a
     where a.activity_id = p_activity_id
       and (l.activity_id = p_activity_id or l.activity_id is null)
       -- Only what judges a purchase of this activity: global limits of other times are many.
       and exists (
         select from seckill_private.reservation as r
          where r.buyer_key >= p_activity_id << 40
            and r.buyer_key < (p_activity_id + 1) << 40
            and r.limits_revision >= l.since_revision
            and (l.until_revision is null or r.limits_revision < l.until_revision))
  ), purchase as (
    select b.*, r as row, r.reservation_id, r.created_at, r.expires_at,
           coalesce(r.late_status = 'confirmed', false) as late,
           case (b.rule).dimension
             when 'user' then convert_to(r.user_id, 'UTF8')
             else seckill_private.digest_of(r.subjects, (b.rule).dimension)
           end as subject,
           case
             when (b.rule).metric = 'units'
               then seckill_private.covered_units(
                      r.pool_ids, r.quantities, r.restored, b.only_pools)
             else least(1, seckill_private.covered_units(
                      r.pool_ids, r.quantities, r.restored, b.only_pools))
           end as units,
           (r.buyer_key >> 40) = p_activity_id
           and r.limits_revision >= (b.rule).since_revision
           and ((b.rule).until_revision is null or r.limits_revision < (b.rule).until_revision)
           and ((b.rule).activity_id is not null or not exists (
             select from seckill_private.limit_version as o
              where o.activity_id = p_activity_id
                and o.name = b.name
                and r.limits_revision >= o.since_revision
                and (o.until_revision is null or r.limits_revision < o.until_revision))) as judged
      from bound as b
      join seckill_private.reservation as r
        on b.crosses
        or r.buyer_key >= p_activity_id << 40 and r.buyer_key < (p_activity_id + 1) << 40
     where b.only_pools is null
        or r.pool_ids && b.only_pools
  )
  select p.name, (p.rule).activity_id, (p.rule).since_revision, (p.rule).maximum, (p.rule).period,
         p.subject,
         case (p.rule).window_kind
           when 'order' then p.reservation_id::text
           when 'rolling' then ''
           else lower(seckill_private.window_of(
             (p.rule).window_kind, null, p.zone, e.dated))::text
         end,
         p.reservation_id, (p.row).limits_revision, e.at, e.dated, e.delta,
         (e.delta > 0) <> ((p.rule).metric = 'expired_holds'), e.judged and p.judged
    from purchase as p
   cross join lateral seckill_private.use_events(p.rule, p.row, p.units) as e
   where p.subject is not null
     and (p.units > 0 or (p.rule).metric = 'expired_holds');
end;

comment on function seckill_private.limit_events (bigint) is
  'How the use of each limit of an activity went up and down, for check_limits.';
