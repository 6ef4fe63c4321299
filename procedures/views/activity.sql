-- Tables are private and may change; this is what readers can build on.
create or replace view seckill.activity as
select a.activity_id, a.name, a.state, a.starts_at, a.ends_at, a.hold_seconds, a.time_zone,
       a.created_at, a.max_waiting
  from seckill_private.activity as a;

comment on view seckill.activity is
  'Activities and their settings. state: draft, open, paused, closed. max_waiting: '
  'seckill.set_queue_limit; null: no bound.';
grant select on seckill.activity to seckill_read, seckill_app, seckill_ops;
