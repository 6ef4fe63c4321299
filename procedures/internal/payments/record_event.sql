-- Locks: the activity's row, for key share. Raises: SK008 when the activity is archived.
-- Events stand in the ledger beside the movements, so that one feed tells all of a reservation.
create or replace function seckill_private.record_event (
  p_now timestamptz,
  p_reservation seckill_private.reservation,
  p_kind text,
  p_note text
)
  returns void
  language sql
  volatile
begin atomic
  select seckill_private.refuse_archived(
    seckill_private.activity_of((p_reservation).reservation_id));
  insert into seckill_private.movement (
    activity_id, shard, pool_id, slot, position, kind, quantity, reservation_id, user_id, at,
    note)
  select seckill_private.activity_of((p_reservation).reservation_id), (p_reservation).shard,
         l.pool_id, l.slot, seckill_private.next_position(s.position, s.position_base), p_kind,
         l.quantity, l.reservation_id, l.user_id, p_now, p_note
    from unnest(seckill_private.unit_lines(p_reservation)) as l
    join seckill_private.pool_slot as s on s.pool_id = l.pool_id and s.slot = l.slot;
end;

comment on function seckill_private.record_event (
  timestamptz, seckill_private.reservation, text, text) is
  'Write into the ledger what happened to a reservation without moving a unit, a line for each '
  'pool.';
