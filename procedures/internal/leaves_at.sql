-- p_excess: how much has to leave before one more purchase fits; the first to leave where nothing
-- has to. What is in a rolling window leaves it one period after its date.
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
  select min(d.dated) filter (where d.running >= greatest(p_excess, 1))
         + make_interval(secs => extract(epoch from (p_limit).period)::double precision)
    from (select u.dated, sum(u.used) over (order by u.dated, u.reservation_id) as running
            from (select case (p_limit).metric
                           when 'expired_holds' then r.expires_at else r.created_at
                         end as dated,
                         r.reservation_id,
                         seckill_private.counted((p_limit).metric, r, p_only, p_now) as used
                    from seckill_private.reservations_of(
                           p_keys, p_user_id, p_activity_id, p_digest) as r) as u
           where u.dated <@ p_window) as d;
end;

comment on function seckill_private.leaves_at (
  seckill_private.limit_version, bigint[], text, bigint, bytea, bigint[], timestamptz, tstzrange,
  bigint) is
  'When enough of what a rolling limit counts has left its window.';
