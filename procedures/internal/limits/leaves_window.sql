-- One period after its date; an unpaid hold when it ends, if that is sooner.
create or replace function seckill_private.leaves_window (
  p_limit seckill_private.limit_version,
  p_reservation seckill_private.reservation
)
  returns timestamptz
  language sql
  stable
  parallel safe
return case
  when (p_limit).metric = 'expired_holds' then (p_reservation).expires_at
    + make_interval(secs => extract(epoch from (p_limit).period)::double precision)
  when (p_reservation).state in ('held', 'expired') then least(
    (p_reservation).expires_at,
    (p_reservation).created_at
    + make_interval(secs => extract(epoch from (p_limit).period)::double precision))
  else (p_reservation).created_at
    + make_interval(secs => extract(epoch from (p_limit).period)::double precision)
end;

comment on function seckill_private.leaves_window (
  seckill_private.limit_version, seckill_private.reservation) is
  'When a reservation leaves the window of a rolling limit.';
