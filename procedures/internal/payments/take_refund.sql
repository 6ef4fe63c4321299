-- The units leave "sold", once: the guard on the state makes it so, should the lock before it ever
-- be forgotten. What is not restocked leaves the pool for good. resolved_at stays when it was paid.
-- Locks: slots ascending, inventory rows where the pool is closed or owes units.
create or replace function seckill_private.take_refund (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_request_id uuid,
  p_asked seckill.reservation_result,
  p_units integer[],
  p_restock boolean,
  p_restore_limits boolean
)
  returns text
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation := p_reservation;
  v_activity_id bigint := seckill_private.activity_of(p_reservation.reservation_id);
  v_status text := 'refunded';
  v_lines seckill_private.unit_line[];
begin
  v_row.refunded := seckill_private.added(v_row.refunded, p_units);
  if p_restore_limits then
    v_row.restored := seckill_private.added(v_row.restored, p_units);
  end if;
  if v_row.refunded <> v_row.quantities then
    v_status := 'partly_refunded';
  end if;
  update seckill_private.reservation as r
     set state = case v_status when 'refunded' then 'refunded' else r.state end,
         refunded = v_row.refunded,
         restored = v_row.restored,
         refunded_at = p_now
   where r.buyer_key = v_row.buyer_key
     and r.request_id = v_row.request_id
     and r.shard = v_row.shard
     and r.state = 'confirmed'
  returning r.* into strict v_row;
  insert into seckill_private.refund (
    activity_id, reservation_id, ordinal, shard, request_id, at, status, restock, restore_limits,
    asked_skus, asked_quantities, quantities)
  select v_activity_id, v_row.reservation_id, count(*) + 1, v_row.shard, p_request_id, p_now,
         v_status, p_restock, p_restore_limits, p_asked.skus, p_asked.quantities, p_units
    from seckill_private.refund as f
   where f.activity_id = v_activity_id
     and f.reservation_id = v_row.reservation_id;
  v_row.quantities := p_units;
  v_lines := array(
    select l from unnest(seckill_private.unit_lines(v_row)) as l where l.quantity > 0);
  perform seckill_private.post_movements(
    p_now, case when p_restock then 'refund' else 'write_off' end, 'sold',
    case when p_restock then 'available' else 'written_off' end, v_lines,
    p_note => p_request_id::text);
  return v_status;
end
$function$;

comment on function seckill_private.take_refund (
  timestamptz, seckill_private.reservation, uuid, seckill.reservation_result, integer[], boolean,
  boolean) is
  'Refund units of a locked, confirmed reservation, and remember the answer.';
