-- The payments that come in time change nothing that the others depend on (a unit that was held
-- counts the same when it is sold), so they are done at once, and the others after them, in order.
-- Which they are is found in memory: the first payment of a row that is held and has not ended.
-- Locks: lock_reservations, before the clock is read.
create or replace function seckill_private.confirm_batch_at (
  p_now timestamptz,
  p_user_ids text[],
  p_reservation_ids bigint[],
  p_payment_refs text[]
)
  returns setof seckill.resolve_result
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.resolve_result;
  v_locked record := seckill_private.lock_reservations(p_user_ids, p_reservation_ids, p_now);
  v_rows seckill_private.reservation[] := v_locked.reservations;
  v_now timestamptz := seckill_private.now_of_rows(p_now, v_rows);
  v_ids bigint[] := array(select r.reservation_id from unnest(v_rows) as r);
  v_row seckill_private.reservation;
  v_paid seckill_private.reservation[];
  v_refs text[];
  v_paid_by integer[] := array_fill(null::integer, array[cardinality(v_ids)]);
  v_at integer;
begin
  for i in 1 .. cardinality(p_reservation_ids) loop
    v_at := array_position(v_ids, p_reservation_ids[i]);
    v_row := v_rows[v_at];
    if v_row.user_id = p_user_ids[i] and v_row.state = 'held' and v_row.expires_at > v_now
       and v_paid_by[v_at] is null
       and seckill_private.fault_in_payment(
             p_user_ids[i], p_reservation_ids[i], p_payment_refs[i]) is null then
      v_paid_by[v_at] := i;
      v_paid := v_paid || v_row;
      v_refs := array_append(v_refs, p_payment_refs[i]);
    end if;
  end loop;
  perform seckill_private.confirm_held(v_now, v_paid, v_refs);
  for i in 1 .. cardinality(p_reservation_ids) loop
    v_at := array_position(v_ids, p_reservation_ids[i]);
    v_row := v_rows[v_at];
    v_result := null;
    v_result.reservation_id := p_reservation_ids[i];
    v_result.error_code := seckill_private.fault_in_payment(
      p_user_ids[i], p_reservation_ids[i], p_payment_refs[i]);
    if v_result.error_code is not null or v_row.user_id is distinct from p_user_ids[i] then
      v_result.status := 'error';
      v_result.error_code := coalesce(v_result.error_code, 'SK008');
    elsif v_paid_by[v_at] = i then
      v_result.status := 'confirmed';
      v_result.replayed := false;
      v_result.late := false;
    else
      select r.* into strict v_row
        from seckill_private.reservation as r
       where r.buyer_key = v_row.buyer_key and r.reservation_id = v_row.reservation_id;
      v_result := seckill_private.confirm_locked(
        v_now, (
          select s from unnest(v_locked.sales) as s
           where (s.activity).activity_id = seckill_private.activity_of(v_row.reservation_id)),
        v_row, p_payment_refs[i]);
    end if;
    return next v_result;
  end loop;
end
$function$;

comment on function seckill_private.confirm_batch_at (
  timestamptz, text[], bigint[], text[]) is
  'Confirm many reservations at a given instant (null: the clock); the body of '
  'seckill.confirm_batch.';
