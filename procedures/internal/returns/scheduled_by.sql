-- What was released and what was due by then: both counted as available.
create or replace function seckill_private.scheduled_by (
  p_pool_id bigint,
  p_at timestamptz
)
  returns bigint
  language sql
  stable
begin atomic
  select coalesce(sum(r.quantity), 0)::bigint
    from seckill_private.last_schedule(p_pool_id, p_at) as r
   where r.release_at <= p_at;
end;

comment on function seckill_private.scheduled_by (bigint, timestamptz) is
  'Units of a pool that were to be released by an instant, by the schedule that stood then.';
