-- For dashboards: as many rows as activities.
create or replace view seckill.sale_status as
select a.activity_id, a.name,
       seckill_private.sale_status(a.state, a.starts_at, a.ends_at, clock_timestamp()) as status,
       a.starts_at, a.ends_at, count(p.sku) as pools, coalesce(sum(p.total), 0)::bigint as total,
       coalesce(sum(p.available), 0)::bigint as available, coalesce(sum(p.held), 0)::bigint as held,
       coalesce(sum(p.sold), 0)::bigint as sold
  from seckill_private.activity as a
  left join seckill.pool as p on p.activity_id = a.activity_id
 group by a.activity_id;

comment on view seckill.sale_status is
  'One line for each activity. status: on_sale, not_started, paused, ended; units of all its '
  'pools. One that was dropped is ended, and has no pools.';
grant select on seckill.sale_status to seckill_read, seckill_app, seckill_ops;
