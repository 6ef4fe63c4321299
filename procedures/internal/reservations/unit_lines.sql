-- Nothing is merged here: a reservation with two slots of a pool has two lines.
create or replace function seckill_private.unit_lines (
  p_reservation seckill_private.reservation
)
  returns seckill_private.unit_line[]
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill_private.unit_line[];
begin
  select array_agg(
           row(u.pool_id, u.slot, u.quantity, p_reservation.reservation_id, p_reservation.user_id
           )::seckill_private.unit_line)
    into v_lines
    from unnest(p_reservation.pool_ids, p_reservation.slots, p_reservation.quantities)
      as u (pool_id, slot, quantity);
  return v_lines;
end
$function$;

comment on function seckill_private.unit_lines (seckill_private.reservation) is
  'The units of a reservation, as post_movements takes them.';
