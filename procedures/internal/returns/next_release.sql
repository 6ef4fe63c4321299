-- Schedules are short: one row for each release that was not moved yet.
create or replace function seckill_private.next_release (
  p_pool_id bigint,
  p_after timestamptz
)
  returns timestamptz
  language sql
  stable
begin atomic
  select min(r.release_at)
    from seckill_private.stock_release as r
   where r.pool_id = p_pool_id
     and r.release_at > p_after;
end;

comment on function seckill_private.next_release (bigint, timestamptz) is
  'When the first release of a pool after an instant is; null where none is scheduled.';
