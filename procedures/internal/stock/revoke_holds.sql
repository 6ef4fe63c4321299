-- Called with all slots of the activity locked: no new hold can be made, and who has one of these
-- in hand (a payment) waits for us and is passed over. A hold goes as a whole, with all its lines.
-- Locks: reservations by SKIP LOCKED.
create or replace function seckill_private.revoke_holds (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_row seckill_private.reservation;
  v_rows seckill_private.reservation[];
  v_left bigint := p_quantity;
begin
  for v_row in
    select r.*
      from seckill_private.reservation as r
     where r.state = 'held'
       and (r.buyer_key >> 40) = p_activity_id
       and r.expires_at > p_now
       and p_pool_id = any (r.pool_ids)
     order by r.created_at desc, r.reservation_id desc
       for update skip locked
  loop
    exit when v_left <= 0;
    v_rows := v_rows || v_row;
    v_left := v_left - (
      select sum(l.quantity) from unnest(seckill_private.unit_lines(v_row)) as l
       where l.pool_id = p_pool_id);
  end loop;
  if v_left > 0 then
    perform seckill_private.raise_error('55P03', 'holds of this pool are being resolved');
  end if;
  update seckill_private.reservation as r
     set state = 'cancelled',
         resolved_at = p_now
   where r.buyer_key = any (array(select v.buyer_key from unnest(v_rows) as v))
     and r.reservation_id = any (array(select v.reservation_id from unnest(v_rows) as v))
     and r.state = 'held';
  perform seckill_private.post_movements(
    p_now, 'revoke', 'held', 'available',
    array(select l from unnest(v_rows) as v
           cross join lateral unnest(seckill_private.unit_lines(v)) as l),
    p_actor, p_note);
end
$function$;

comment on function seckill_private.revoke_holds (
  timestamptz, bigint, bigint, bigint, text, text) is
  'Cancel the newest open holds on a pool until so many of its units are free, a ledger row each.';
