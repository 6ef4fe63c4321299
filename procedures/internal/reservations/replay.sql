-- Who asks again gets what was answered, once that is on disk.
create or replace function seckill_private.replay (
  p_reservation seckill_private.reservation,
  p_now timestamptz
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
begin
  perform seckill_private.ensure_durable(clock_timestamp());
  v_result.status := 'held';
  v_result.reservation_id := p_reservation.reservation_id;
  v_result.replayed := true;
  v_result.state :=
    seckill_private.state_at(p_reservation.state, p_reservation.expires_at, p_now);
  v_result.expires_at := p_reservation.expires_at;
  return v_result;
end
$function$;

comment on function seckill_private.replay (seckill_private.reservation, timestamptz) is
  'The answer to a request id that was answered before.';
