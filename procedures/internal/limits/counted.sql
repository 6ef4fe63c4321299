-- What a reservation counts for a metric: units, orders, open_holds, expired_holds. A hold counts
-- until it ends, swept or not; one that ended unpaid is an expired hold for ever, paid late or not.
create or replace function seckill_private.counted (
  p_metric text,
  p_reservation seckill_private.reservation,
  p_only bigint[],
  p_now timestamptz
)
  returns bigint
  language sql
  immutable
  parallel safe
return case
  when p_metric = 'expired_holds' then case
    when ((p_reservation).late_status = 'confirmed'
          or (p_reservation).state in ('held', 'expired') and (p_reservation).expires_at <= p_now)
     and (p_only is null or (p_reservation).pool_ids && p_only)
      then 1 else 0 end
  when (p_reservation).state in ('held', 'expired') and (p_reservation).expires_at <= p_now then 0
  when (p_reservation).state = 'cancelled' then 0
  when p_metric = 'open_holds' then case
    when (p_reservation).state in ('held', 'expired')
     and (p_only is null or (p_reservation).pool_ids && p_only)
      then 1 else 0 end
  when p_metric = 'units' then seckill_private.covered_units(
    (p_reservation).pool_ids, (p_reservation).quantities, (p_reservation).restored, p_only)
  else least(1, seckill_private.covered_units(
    (p_reservation).pool_ids, (p_reservation).quantities, (p_reservation).restored, p_only))
end;

comment on function seckill_private.counted (
  text, seckill_private.reservation, bigint[], timestamptz) is
  'What a reservation counts for a metric at an instant, over some pools (null: all).';
