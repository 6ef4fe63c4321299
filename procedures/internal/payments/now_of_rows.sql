-- As seckill_private.now_at, for a batch: one instant for all, which none of its users and pools
-- has yet passed.
create or replace function seckill_private.now_of_rows (
  p_now timestamptz,
  p_rows seckill_private.reservation[]
)
  returns timestamptz
  language sql
  volatile
begin atomic
  select greatest(
           coalesce(p_now, clock_timestamp()),
           (select max(s.seen_at)
              from seckill_private.pool_slot as s
             where s.pool_id = any (array(
                     select unnest(r.pool_ids) from unnest(p_rows) as r))),
           (select max(greatest(o.created_at, o.resolved_at, o.refunded_at))
              from seckill_private.reservation as o
             where o.buyer_key = any (array(select r.buyer_key from unnest(p_rows) as r))
               and o.user_id = any (array(select r.user_id from unnest(p_rows) as r))));
end;

comment on function seckill_private.now_of_rows (
  timestamptz, seckill_private.reservation[]) is
  'The instant of a batch: the clock, but never before what its pools and users have seen.';
