-- A release is a function of the clock: nothing has to run for it to count.
create or replace function seckill_private.due_releases (
  p_pool_id bigint,
  p_now timestamptz
)
  returns bigint
  language sql
  stable
begin atomic
  select coalesce(sum(r.quantity), 0)::bigint
    from seckill_private.stock_release as r
   where r.pool_id = p_pool_id
     and r.release_at <= p_now;
end;

comment on function seckill_private.due_releases (bigint, timestamptz) is
  'Units of a pool whose release is due by an instant, moved or not: they count as available.';
