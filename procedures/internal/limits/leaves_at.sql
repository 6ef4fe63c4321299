-- p_excess: how much has to leave before one more purchase fits; the first to leave where nothing
-- has to. What is in a rolling window leaves it one period after its date, an unpaid hold when it
-- ends, if that is sooner.
create or replace function seckill_private.leaves_at (
  p_limit seckill_private.limit_version,
  p_keys bigint[],
  p_user_id text,
  p_activity_id bigint,
  p_digest bytea,
  p_only bigint[],
  p_now timestamptz,
  p_window tstzrange,
  p_excess bigint,
  p_as_of timestamptz
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
                         case
                           when (p_limit).metric = 'expired_holds' then r.expires_at + p.length
                           when r.state in ('held', 'expired')
                             then least(r.created_at + p.length, r.expires_at)
                           else r.created_at + p.length
                         end as leaves_at,
                         r.reservation_id,
                         seckill_private.counted((p_limit).metric, r, p_only, p_now) as used
                    from seckill_private.reservations_of(
                           p_keys, p_user_id, p_activity_id, p_digest, p_as_of) as r
                   cross join make_interval(
                           secs => extract(epoch from (p_limit).period)::double precision
                         ) as p (length)) as u
           where u.dated <@ p_window
             and u.used > 0) as d;
end;

comment on function seckill_private.leaves_at (
  seckill_private.limit_version, bigint[], text, bigint, bytea, bigint[], timestamptz, tstzrange,
  bigint, timestamptz) is
  'When enough of what a rolling limit counts has left its window.';
