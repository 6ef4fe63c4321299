-- Transactions with a lower id have all ended, in this snapshot and in every later one, so no row
-- can come in below. Ids are the cluster's: a writer in another database counts, a reader does not.
create or replace function seckill_private.feed_horizon ()
  returns bigint
  language sql
  stable
begin atomic
  select f.position_base + pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    from seckill_private.feed as f;
end;

comment on function seckill_private.feed_horizon () is
  'The position below which the feed is complete.';
