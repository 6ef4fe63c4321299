-- p_excess: how much has to leave before one more purchase fits; the first to leave where nothing
-- has to.
create or replace function seckill_private.leaves_at (
  p_limit seckill_private.limit_version,
  p_keys bigint[],
  p_user_id text,
  p_activity_id bigint,
  p_digest bytea,
  p_only bigint[],
  p_now timestamptz,
  p_window tstzrange,
  p_excess bigint
)
  returns timestamptz
  language sql
  stable
begin atomic
  select min(d.leaves_at) filter (where d.running >= greatest(p_excess, 1))
    from (select u.leaves_at,
                 sum(u.used) over (order by u.leaves_at, u.reservation_id) as running
            from (select case when (p_limit).metric = 'expired_holds'
                           then r.expires_at else r.created_at
                         end as dated,
                         seckill_private.leaves_window(p_limit, r) as leaves_at,
                         r.reservation_id,
                         seckill_private.counted((p_limit).metric, r, p_only, p_now) as used
                    from seckill_private.reservations_of(
                           p_keys, p_user_id, p_activity_id, p_digest) as r) as u
           where u.dated <@ p_window
             and u.used > 0) as d;
end;

comment on function seckill_private.leaves_at (
  seckill_private.limit_version, bigint[], text, bigint, bytea, bigint[], timestamptz, tstzrange,
  bigint) is
  'When enough of what a rolling limit counts has left its window.';
