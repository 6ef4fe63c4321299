-- I4: the steps in the ledger are those that lead to the state, each once and for all of the units;
-- the steps expected are derived from the state and the refunds, not listed. What a reservation has
-- as refunded and restored is the sum of its refunds.
-- I7: what was confirmed in time was confirmed before its hold ended.
create or replace function seckill_private.check_reservations (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  with step as (
    select m.reservation_id, m.kind, sum(m.quantity) as units
      from seckill_private.movement as m
     where m.activity_id = p_activity_id
       and m.reservation_id is not null
       and m.source is not null
     group by m.reservation_id, m.kind
  ), path as (
    select s.reservation_id, string_agg(s.kind || ' ' || s.units, ', ' order by s.kind) as steps
      from step as s
     group by s.reservation_id
  ), taken as (
    select f.reservation_id, sum(q.units) filter (where f.restock) as refunded,
           sum(q.units) filter (where not f.restock) as written_off,
           sum(q.units) as units, sum(q.units) filter (where f.restore_limits) as restored
      from seckill_private.refund as f
     cross join lateral (select sum(u) as units from unnest(f.quantities) as u) as q
     where f.activity_id = p_activity_id
     group by f.reservation_id
  ), life as (
    select r.reservation_id, r.state, r.late_status, r.expires_at, r.resolved_at, t.refunded,
           t.written_off, coalesce(t.units, 0) as units_taken, coalesce(t.restored, 0) as restored,
           (select sum(q) from unnest(r.quantities) as q) as units,
           (select coalesce(sum(q), 0) from unnest(r.refunded) as q) as stored_taken,
           (select coalesce(sum(q), 0) from unnest(r.restored) as q) as stored_restored
      from seckill_private.reservation as r
      left join taken as t on t.reservation_id = r.reservation_id
     where r.buyer_key >= p_activity_id << 40
       and r.buyer_key < (p_activity_id + 1) << 40
  ), claim as (
    select coalesce(l.reservation_id, p.reservation_id) as reservation_id, p.steps as actual,
           case
             when l.state in ('confirmed', 'refunded') then
               case l.late_status
                 when 'confirmed' then format('expire %s, late_confirm %s', l.units, l.units)
                 else 'confirm ' || l.units
               end || coalesce(', refund ' || l.refunded, '')
                   || coalesce(', write_off ' || l.written_off, '')
             when l.state = 'cancelled' and p.steps like 'revoke %' then 'revoke ' || l.units
             when l.state = 'cancelled' then 'cancel ' || l.units
             when l.state = 'expired' then 'expire ' || l.units
           end as expected
      from life as l
      full join path as p on p.reservation_id = l.reservation_id
  )
  select 'I4', 'reservation ' || c.reservation_id, coalesce(c.expected, 'no step'),
         coalesce(c.actual, 'no step')
    from claim as c
   where c.expected is distinct from c.actual
   union all
  select 'I4', 'reservation ' || l.reservation_id || ': ' || v.what, v.expected, v.actual
    from life as l
   cross join lateral (values
     ('refunded', l.units_taken::text, l.stored_taken::text),
     ('restored to the limits', l.restored::text, l.stored_restored::text),
     ('refunded in full', (l.units_taken = l.units)::text, (l.state = 'refunded')::text)
   ) as v (what, expected, actual)
   where v.expected <> v.actual
   union all
  select 'I7', 'reservation ' || l.reservation_id, 'confirmed before ' || l.expires_at,
         'confirmed at ' || l.resolved_at
    from life as l
   where l.state in ('confirmed', 'refunded')
     and l.late_status is null
     and l.resolved_at >= l.expires_at;
end;

comment on function seckill_private.check_reservations (bigint) is
  'Reservations whose steps in the ledger break I4 or I7.';
