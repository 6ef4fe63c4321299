-- I1: no counter below zero, total = available + held + sold + unreleased, and nothing is available
-- in a pool while units are owed. I2: every counter is the sum of its ledger rows (what is owed: of
-- debt, less debt_dropped and drain, in all slots together, since the first one has the debt),
-- every movement of a slot has one ledger row, and open holds add up to held, as scheduled releases
-- do to unreleased. A pool has as many slots as it says (slot_rows), by which a purchase knows
-- whether to look beyond the first.
create or replace function seckill_private.check_slots (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  with slot as (
    select s.*, p.sku, p.region, sum(s.available) over w as in_pool, count(*) over w as in_rows,
           case s.slot when 0 then p.slot_rows else count(*) over w end as told_rows
      from seckill_private.pool as p
      join seckill_private.pool_slot as s on s.pool_id = p.pool_id
     where p.activity_id = p_activity_id
    window w as (partition by s.pool_id)
  ), book as (
    select l.pool_id, l.slot, count(*) filter (where l.source is not null) as lines,
           sum(l.quantity * seckill_private.moved(l.source, l.target, 'available')) as available,
           sum(l.quantity * seckill_private.moved(l.source, l.target, 'held')) as held,
           sum(l.quantity * seckill_private.moved(l.source, l.target, 'sold')) as sold,
           sum(l.quantity * seckill_private.moved(l.source, l.target, 'unreleased')) as unreleased,
           count(*) filter (where l.target = 'available') as epoch,
           sum(case l.kind when 'debt' then 1 when 'debt_dropped' then -1 when 'drain' then -1 end
               * l.quantity) as owed
      from seckill_private.ledger_of(p_activity_id) as l
     group by l.pool_id, l.slot
  ), debt as (
    select b.pool_id, sum(b.owed) as owed
      from book as b
     group by b.pool_id
  ), hold as (
    select u.pool_id, u.slot, sum(u.quantity) as held
      from seckill_private.reservation as r
     cross join lateral unnest(r.pool_ids, r.slots, r.quantities) as u (pool_id, slot, quantity)
     where r.buyer_key >= p_activity_id << 40
       and r.buyer_key < (p_activity_id + 1) << 40
       and r.state = 'held'
     group by u.pool_id, u.slot
  ), release as (
    select r.pool_id, sum(r.quantity) as units
      from seckill_private.stock_release as r
     group by r.pool_id
  ), claim as (
    select s.sku, s.region, s.slot, c.invariant, c.what, c.expected, c.actual
      from slot as s
      left join book as b on b.pool_id = s.pool_id and b.slot = s.slot
      left join hold as h on h.pool_id = s.pool_id and h.slot = s.slot
      left join debt as d on d.pool_id = s.pool_id and s.slot = 0
      left join release as r on r.pool_id = s.pool_id and s.slot = 0
     cross join lateral (values
       ('I1', 'total', s.available + s.held + s.sold + s.unreleased, s.total),
       ('I1', 'least counter', greatest(least(s.available, s.held, s.sold, s.unreleased), 0),
        least(s.available, s.held, s.sold, s.unreleased)),
       ('I1', 'available while units are owed', 0,
        greatest(least(s.in_pool, s.owed), 0)),
       ('I2', 'slot rows', s.in_rows, s.told_rows),
       ('I2', 'available', coalesce(b.available, 0), s.available),
       ('I2', 'held', coalesce(b.held, 0), s.held),
       ('I2', 'sold', coalesce(b.sold, 0), s.sold),
       ('I2', 'unreleased', coalesce(b.unreleased, 0), s.unreleased),
       ('I2', 'scheduled', coalesce(r.units, 0), s.unreleased),
       ('I2', 'owed', coalesce(d.owed, 0), s.owed),
       ('I2', 'epoch', coalesce(b.epoch, 0), s.epoch),
       ('I2', 'movements', coalesce(b.lines, 0), s.version),
       ('I2', 'open holds', coalesce(h.held, 0), s.held)
     ) as c (invariant, what, expected, actual)
  )
  select c.invariant, format('sku %s region %s slot %s: %s', c.sku, c.region, c.slot, c.what),
         c.expected::text, c.actual::text
    from claim as c
   where c.expected <> c.actual;
end;

comment on function seckill_private.check_slots (bigint) is
  'Counters of an activity that break I1, or I2 against its ledger.';
