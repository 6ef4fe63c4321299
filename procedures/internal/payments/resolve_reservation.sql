-- One step of a reservation's life: its state changes and its units move, once. The guard on the
-- old state is what makes it once, should the lock before it ever be forgotten.
-- Locks: none but post_movements': slots ascending, then inventory rows by sku; the caller has the
--   reservation.
create or replace function seckill_private.resolve_reservation (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_state text,
  p_kind text,
  p_source text,
  p_target text,
  p_note text default null
)
  returns seckill_private.reservation
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation;
begin
  update seckill_private.reservation as r
     set state = p_state,
         resolved_at = case p_state when 'expired' then r.expires_at else p_now end,
         payment_ref = case p_state when 'confirmed' then p_note else r.payment_ref end,
         late_status = case p_kind when 'late_confirm' then 'confirmed' else r.late_status end
   where r.buyer_key = p_reservation.buyer_key
     and r.request_id = p_reservation.request_id
     and r.shard = p_reservation.shard
     and r.state = p_reservation.state
  returning r.* into strict v_row;
  perform seckill_private.post_movements(
    p_now, p_kind, p_source, p_target, seckill_private.unit_lines(v_row), p_note => p_note);
  return v_row;
end
$function$;

comment on function seckill_private.resolve_reservation (
  timestamptz, seckill_private.reservation, text, text, text, text, text) is
  'Bring a locked reservation to a state and move its units; the row as it is then.';
