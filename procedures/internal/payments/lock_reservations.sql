-- For a batch, all locks are taken before the first payment is judged, each kind in its order, so
-- that no two batches, and no batch and no single call, wait for each other in a circle. A payment
-- that may be late takes whatever units its activity has, and may settle ended holds of any of its
-- pools: then all of the activity's slots are locked, and the reservation's subjects (confirm_at
-- says why). Those that end within seconds are taken for late, since the locks may take as long.
-- What lies in an archived activity, where none is held any more, is passed over as unknown: one
-- such payment would else fail the batch, each time that it is sent (lock_reservation).
-- sales: of the late ones, with the limits by which their subjects are locked; one that is set
-- later does not bind them.
-- Raises: 55P03 when the locks took longer.
-- Locks: users sorted; reservations by key; the subjects of late ones; slots ascending; inventory
--   rows by sku.
create or replace function seckill_private.lock_reservations (
  p_user_ids text[],
  p_reservation_ids bigint[],
  p_now timestamptz,
  out reservations seckill_private.reservation[],
  out sales seckill_private.sale[]
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_keys bigint[] := array(
    select distinct seckill_private.buyer_key(seckill_private.activity_of(i.id), i.user_id)
      from unnest(p_user_ids, p_reservation_ids) as i (user_id, id)
     where i.id is not null and i.user_id is not null
       and (select a.archived_at
              from seckill_private.activity as a
             where a.activity_id = seckill_private.activity_of(i.id)) is null);
  v_soon timestamptz;
  v_late seckill_private.reservation[];
  v_pool_ids bigint[];
begin
  perform seckill_private.lock_buyers(p_user_ids);
  reservations := array(
    select r
      from seckill_private.reservation as r
     where r.buyer_key = any (v_keys)
       and r.reservation_id = any (p_reservation_ids)
     order by r.buyer_key, r.reservation_id
       for update);
  v_soon := seckill_private.now_of_rows(p_now, reservations) + interval '10 seconds';
  v_late := array(
    select r from unnest(reservations) as r
     where r.state in ('held', 'expired') and r.expires_at <= v_soon);
  sales := array(
    select seckill_private.load_sale(a.activity_id)
      from (select distinct seckill_private.activity_of(r.reservation_id) as activity_id
              from unnest(v_late) as r) as a);
  perform seckill_private.lock_digests(
    array(select distinct d.digest from unnest(v_late) as r
           cross join lateral unnest(r.subjects) as d (digest)),
    array(select l from unnest(sales) as s cross join lateral unnest(s.limits) as l));
  v_pool_ids := array(
    select distinct u.pool_id from unnest(reservations) as r
     cross join lateral unnest(r.pool_ids) as u (pool_id)
     union
    select p.pool_id from unnest(v_late) as r
      join seckill_private.pool as p
        on p.activity_id = seckill_private.activity_of(r.reservation_id));
  perform seckill_private.lock_stock(v_pool_ids);
  if seckill_private.now_of_rows(p_now, reservations) > v_soon - interval '1 second' then
    perform seckill_private.raise_error('55P03', 'the locks of the batch took too long');
  end if;
end
$function$;

comment on function seckill_private.lock_reservations (text[], bigint[], timestamptz) is
  'Lock the reservations of a batch, their users and their stock; the rows that there are, and the '
  'sales of those that may be late.';
