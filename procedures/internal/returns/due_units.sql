-- Units of a pool whose holds have ended, swept or not: they count as available.
create or replace function seckill_private.due_units (
  p_activity_id bigint,
  p_pool_id bigint,
  p_now timestamptz
)
  returns bigint
  language sql
  stable
begin atomic
  select coalesce(sum(u.quantity), 0)::bigint
    from seckill_private.reservation as r
   cross join lateral unnest(r.pool_ids, r.quantities) as u (pool_id, quantity)
   where r.state = 'held'
     and (r.buyer_key >> 40) = p_activity_id
     and r.expires_at <= p_now
     and u.pool_id = p_pool_id;
end;

comment on function seckill_private.due_units (bigint, bigint, timestamptz) is
  'Units of a pool that unswept holds still count as held, though they ended by this instant.';
