-- I2 for the inventory: its balance is the sum of its ledger, and that ledger and the pools' agree
-- on what went from one to the other.
create or replace function seckill_private.check_inventory (
  p_activity_id bigint
)
  returns setof seckill.violation
  language sql
  stable
begin atomic
  with balance as (
    select i.sku, i.quantity as actual,
           (select coalesce(sum(m.delta), 0)
              from seckill_private.inventory_movement as m
             where m.sku = i.sku) as expected
      from seckill_private.inventory as i
     where i.sku in (
             select p.sku from seckill_private.pool as p where p.activity_id = p_activity_id)
  ), transfer as (
    select p.sku, p.region,
           (select coalesce(sum(m.delta), 0)
              from seckill_private.inventory_movement as m
             where m.sku = p.sku
               and m.pool_id = p.pool_id) as actual,
           (select coalesce(
                     sum(l.quantity * seckill_private.moved(l.source, l.target, 'inventory')), 0)
              from seckill_private.movement as l
             where l.activity_id = p_activity_id
               and l.pool_id = p.pool_id) as expected
      from seckill_private.pool as p
     where p.activity_id = p_activity_id
  )
  select 'I2', format('inventory of sku %s', b.sku), b.expected::text, b.actual::text
    from balance as b
   where b.expected <> b.actual
   union all
  select 'I2', format('inventory of sku %s, moved by region %s', t.sku, t.region),
         t.expected::text, t.actual::text
    from transfer as t
   where t.expected <> t.actual;
end;

comment on function seckill_private.check_inventory (bigint) is
  'Inventory rows of an activity''s skus that break I2.';
