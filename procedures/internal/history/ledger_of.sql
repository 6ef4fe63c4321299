-- The ledger of an activity as one list: holds stand in the reservations, all else in movement.
create or replace function seckill_private.ledger_of (
  p_activity_id bigint
)
  returns table (
    at timestamptz, kind text, pool_id bigint, slot smallint, version bigint, source text,
    target text, quantity bigint, reservation_id bigint, user_id text, actor text, login text,
    note text
  )
  language sql
  stable
begin atomic
  select r.created_at, 'hold', u.pool_id, u.slot, u.version, 'available', 'held',
         u.quantity::bigint, r.reservation_id, r.user_id, null, null, null
    from seckill_private.reservation as r
   cross join lateral unnest(r.pool_ids, r.slots, r.versions, r.quantities)
           as u (pool_id, slot, version, quantity)
   where r.buyer_key >= p_activity_id << 40
     and r.buyer_key < (p_activity_id + 1) << 40
   union all
  select m.at, m.kind, m.pool_id, m.slot, m.version, m.source, m.target, m.quantity,
         m.reservation_id, m.user_id, coalesce(m.actor, m.login), m.login, m.note
    from seckill_private.movement as m
   where m.activity_id = p_activity_id;
end;

comment on function seckill_private.ledger_of (bigint) is
  'Every movement of units in an activity, holds included, and the events.';
