-- A read is an answer, too: who is told "held" must find it again after a crash. The first call
-- that drops a sale deletes its pools, and later ones its reservations: in between, and where it
-- overtook the caller, the region is null. Then there is nothing to be seen (drop_archived).
create or replace function seckill_private.read_reservation (
  p_reservation seckill_private.reservation
)
  returns seckill.reservation_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.ensure_durable(
    greatest(
      p_reservation.created_at, p_reservation.resolved_at, p_reservation.refunded_at));
  return seckill_private.show_reservation(
    p_reservation,
    seckill_private.now_at(
      null, p_reservation.pool_ids, seckill_private.activity_of(p_reservation.reservation_id),
      p_reservation.user_id));
end
$function$;

comment on function seckill_private.read_reservation (seckill_private.reservation) is
  'A reservation as its buyer sees it now, once it is on disk; its region is null where the sale '
  'was dropped.';
