-- Marks up to p_limit ended holds of some activities as expired, oldest first, and returns their
-- units, which the caller gives back (post_movements). Sweepers and buyers may do so side by side:
-- each passes over what another has in hand. p_pool_ids: only holds that touch one of these pools
-- (null: all). p_within: only holds that touch no other pool. p_beyond: only holds that touch
-- others, too.
-- Locks: reservations, by SKIP LOCKED.
create or replace function seckill_private.pick_due_holds (
  p_now timestamptz,
  p_activity_ids bigint[],
  p_pool_ids bigint[],
  p_within bigint[],
  p_limit integer,
  p_beyond bigint[] default null
)
  returns seckill_private.unit_line[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_activity_id bigint;
  v_due record;
  v_keys bigint[] := array[]::bigint[];
  v_ids bigint[] := array[]::bigint[];
  v_lines seckill_private.unit_line[];
begin
  foreach v_activity_id in array p_activity_ids loop
    exit when cardinality(v_ids) >= p_limit;
    select array_agg(d.buyer_key) as keys, array_agg(d.reservation_id) as ids into v_due
      from (select r.buyer_key, r.reservation_id
              from seckill_private.reservation as r
             where r.state = 'held'
               and (r.buyer_key >> 40) = v_activity_id
               and r.expires_at <= p_now
               and (p_pool_ids is null or p_pool_ids && r.pool_ids)
               and (p_within is null or r.pool_ids <@ p_within)
               and (p_beyond is null or not r.pool_ids <@ p_beyond)
             order by r.expires_at
             limit p_limit - cardinality(v_ids)
               for update skip locked) as d;
    v_keys := v_keys || v_due.keys;
    v_ids := v_ids || v_due.ids;
  end loop;
  with expired as (
    update seckill_private.reservation as r
       set state = 'expired',
           resolved_at = r.expires_at
     where r.buyer_key = any (v_keys)
       and r.reservation_id = any (v_ids)
       and r.state = 'held'
    returning r.reservation_id, r.user_id, r.pool_ids, r.slots, r.quantities
  )
  select array_agg(row(
           u.pool_id, u.slot, u.quantity, e.reservation_id, e.user_id)::seckill_private.unit_line)
    into v_lines
    from expired as e
   cross join lateral unnest(e.pool_ids, e.slots, e.quantities) as u (pool_id, slot, quantity);
  return v_lines;
end
$function$;

comment on function seckill_private.pick_due_holds (
  timestamptz, bigint[], bigint[], bigint[], integer, bigint[]) is
  'Expire holds that have ended; their units, which are still to be given back.';
