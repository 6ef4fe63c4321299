-- The rows of the ledger after a place and below the horizon, in the order of the feed: by
-- position, then slot by slot in the order of versions. Rows of one position (a sweep, a batch) are
-- sorted together, hence "with ties". An event has no version and follows the movements of its
-- position.
-- Rows of an activity that is being dropped have no pool any more and are passed over here: a page
-- that lost them afterwards could come out empty, which means that one has caught up.
-- Read through the index on position, whatever the statistics say: changes switches everything else
-- off.
create or replace function seckill_private.feed_rows (
  p_after seckill_private.feed_place,
  p_horizon bigint,
  p_limit integer
)
  returns table (
    place seckill_private.feed_place, at timestamptz, kind text, quantity bigint,
    reservation_id bigint, user_id text, actor text, login text, note text,
    source text, target text
  )
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return query
    with hold as (
      select row(r.position, u.pool_id, u.slot, u.version, 0)::seckill_private.feed_place as place,
             r.created_at, 'hold', u.quantity::bigint, r.reservation_id, r.user_id, null::text,
             null::text, null::text, 'available', 'held'
        from seckill_private.reservation as r
       cross join lateral unnest(r.pool_ids, r.slots, r.versions, r.quantities)
               as u (pool_id, slot, version, quantity)
       where r.position >= p_after.position
         and r.position < p_horizon
         and (r.position, u.pool_id, u.slot, u.version, 0::bigint)
             > (p_after.position, p_after.pool_id, p_after.slot, p_after.version, p_after.event_id)
         and (select true from seckill_private.pool as p where p.pool_id = u.pool_id)
       order by r.position
       fetch first p_limit rows with ties
    ), other as (
      select row(m.position, m.pool_id, m.slot, e.version, e.event_id
             )::seckill_private.feed_place as place,
             m.at, m.kind, m.quantity, m.reservation_id, m.user_id, coalesce(m.actor, m.login),
             m.login, m.note, m.source, m.target
        from seckill_private.movement as m
       cross join lateral (
               select coalesce(m.version, 9223372036854775807) as version,
                      case when m.version is null then m.movement_id else 0 end as event_id) as e
       where m.position >= p_after.position
         and m.position < p_horizon
         and (m.position, m.pool_id, m.slot, e.version, e.event_id)
             > (p_after.position, p_after.pool_id, p_after.slot, p_after.version, p_after.event_id)
         and (select true from seckill_private.pool as p where p.pool_id = m.pool_id)
       order by m.position
       fetch first p_limit rows with ties
    )
    select h.* from hold as h
     union all
    select o.* from other as o
     order by place
     limit p_limit;
end
$function$;

comment on function seckill_private.feed_rows (seckill_private.feed_place, bigint, integer) is
  'Up to p_limit rows of the ledger after a place in the feed and below a position.';
