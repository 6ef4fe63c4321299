-- A late payment is dated back, into the middle of p_window: every rolling window that holds it
-- then must have room. Each ends with a purchase, its own or a later one.
create or replace function seckill_private.rolling_peak (
  p_limit seckill_private.limit_version,
  p_keys bigint[],
  p_user_id text,
  p_activity_id bigint,
  p_digest bytea,
  p_only bigint[],
  p_now timestamptz,
  p_window tstzrange,
  p_except bigint
)
  returns bigint
  language sql
  stable
begin atomic
  select coalesce(max(w.used), 0)::bigint
    from (select u.dated,
                 (select sum(seckill_private.counted((p_limit).metric, r, p_only, p_now))
                    from seckill_private.reservations_of(
                           p_keys, p_user_id, p_activity_id, p_digest) as r
                   where r.reservation_id is distinct from p_except
                     and r.created_at <= u.dated
                     and r.created_at > u.dated - u.length) as used,
                 u.length
            from (select r.created_at as dated,
                         make_interval(
                           secs => extract(epoch from (p_limit).period)::double precision
                         ) as length
                    from seckill_private.reservations_of(
                           p_keys, p_user_id, p_activity_id, p_digest) as r) as u
           where u.dated <@ p_window) as w
   where w.dated >= lower(p_window) + w.length;
end;

comment on function seckill_private.rolling_peak (
  seckill_private.limit_version, bigint[], text, bigint, bytea, bigint[], timestamptz, tstzrange,
  bigint) is
  'The most that any rolling window holds which a late payment falls into, without itself.';
