-- The same numbers as seckill.availability, which is also what makes them.
create or replace view seckill.pool as
select p.activity_id, p.sku, p.region, b.total, b.available, b.held, b.sold, b.epoch,
       p.slots
  from seckill_private.pool as p
 cross join lateral seckill.availability(p.activity_id, p.sku, p.region) as b;

comment on view seckill.pool is
  'Units of each pool: total = available + held + sold. slots: rows over which they are spread.';
grant select on seckill.pool to seckill_read, seckill_app, seckill_ops;
