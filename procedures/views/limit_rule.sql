-- What a limit was before is in seckill_private.limit_version, for reconcile.
create or replace view seckill.limit_rule as
select l.activity_id, l.name, l.dimension, l.metric, l.window_kind as "window", l.maximum, l.sku,
       l.period, l.time_zone, l.required
  from seckill_private.limit_version as l
 where l.until_revision is null;

comment on view seckill.limit_rule is
  'The limits that stand now.';
grant select on seckill.limit_rule to seckill_read, seckill_app, seckill_ops;
