-- Nothing is skipped and nothing comes twice, although transactions commit out of order: only what
-- lies below the oldest transaction still at work is shown (seckill_private.feed_horizon), and
-- nothing can come in there any more. So a transaction left open anywhere in the cluster after it
-- wrote delays the feed, and never breaks it.
-- The horizon is read before the rows, in a statement of its own: the rows' snapshot is not older.
-- Whether rows were dropped under way is asked again after they were read.
-- What is shown is on disk: another session's commit may be visible before that
-- (seckill_private.ensure_durable).
-- A login of seckill_app sees units, not people, as in history.
-- Raises: SK001; SK006 where rows after p_after were dropped with an archived activity.
-- Locks: none; those of seckill_private.rebase_feed once after a restore.
create or replace function seckill.changes (
  p_after text default null,
  p_limit integer default 1000
)
  returns setof seckill.change
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
  set enable_sort = off
as $function$
declare
  v_feed seckill_private.feed;
  v_after seckill_private.feed_place;
  v_horizon bigint;
  v_named boolean := seckill_private.sees_buyers();
begin
  perform seckill_private.require_limit(p_limit);
  select f.* into v_feed from seckill_private.feed as f;
  if v_feed.system_identifier <> (select c.system_identifier from pg_control_system() as c) then
    perform seckill_private.rebase_feed();
    select f.* into v_feed from seckill_private.feed as f;
  end if;
  v_after := seckill_private.feed_place(
    v_feed.generation, v_feed.drops, v_feed.dropped_position, p_after);
  v_horizon := seckill_private.feed_horizon();
  return query
    select seckill_private.feed_cursor(v_feed, c.place), c.at, c.kind, p.activity_id,
           p.sku, p.region, case when v_named then c.reservation_id end,
           case when v_named then c.user_id end, c.quantity, c.actor, c.login,
           case when v_named then c.note end, c.source, c.target
      from seckill_private.feed_rows(v_after, v_horizon, p_limit) as c
      join seckill_private.pool as p on p.pool_id = (c.place).pool_id
     order by c.place;
  if found then
    select f.* into v_feed from seckill_private.feed as f;
    perform seckill_private.feed_place(
      v_feed.generation, v_feed.drops, v_feed.dropped_position, p_after);
    perform seckill_private.ensure_durable(clock_timestamp());
  end if;
end
$function$;

comment on function seckill.changes (text, integer) is
  'The ledger of all activities as a feed: each row once, none skipped, within a pool in the order '
  'in which the stock moved. p_after: the cursor of the last row you have; null: from the '
  'beginning. p_limit: rows, 1 to 10000; fewer mean that you have caught up. A row is shown once '
  'every transaction that began to write before it has ended, and its commit is on disk. A login '
  'of seckill_app sees no user_id, no reservation_id and no note. Raises SK001 (also for a cursor '
  'from before a restore into another cluster), SK006 (rows after the cursor were dropped with an '
  'archived activity).';
grant execute on function seckill.changes (text, integer)
   to seckill_read, seckill_app, seckill_ops;
