-- Where a pool has too few for all that ask, those ended holds are given back that have units of
-- other pools, too: that can be done only while no slot is locked. Others are when they are needed.
-- Locks: due holds by SKIP LOCKED; the slots of the pools and of those holds, and the inventory
--   where one owes units, where there are several pools, or any such holds.
-- decided_at: the clock, read after the locks, or what the pools have seen, where that is less than
-- a second ahead: others were a moment quicker. A pool that is further ahead is not fresh: its
-- requests are decided one by one, each at its own time.
create or replace function seckill_private.pools_of_batch (
  p_now timestamptz,
  p_requests seckill_private.request[],
  out pool_ids bigint[],
  out fresh_ids bigint[],
  out available bigint[],
  out decided_at timestamptz,
  out locked boolean
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_clock timestamptz := coalesce(p_now, clock_timestamp());
  v_asked bigint[];
  v_activity_ids bigint[];
  v_lines seckill_private.unit_line[];
begin
  select coalesce(array_agg(q.pool_id order by q.pool_id), '{}'),
         array_agg(q.units order by q.pool_id), array_agg(distinct q.activity_id)
    into pool_ids, v_asked, v_activity_ids
    from (select r.pool_id, r.activity_id, sum(r.quantity)::bigint as units
            from unnest(p_requests) as r
           where r.pool_id is not null and r.error_code is null
           group by r.pool_id, r.activity_id) as q;
  if exists (
    select from seckill_private.pool_slot as s
     where s.pool_id = any (pool_ids)
       and s.next_expiry <= v_clock
  ) then
    v_lines := seckill_private.pick_short(
      v_clock, v_activity_ids, pool_ids, v_asked, null, p_beyond => pool_ids);
  end if;
  locked := cardinality(pool_ids) > 1 or v_lines is not null;
  if locked then
    perform seckill_private.lock_stock(
      pool_ids || array(select l.pool_id from unnest(v_lines) as l));
  end if;
  v_clock := coalesce(p_now, clock_timestamp());
  if v_lines is not null then
    perform seckill_private.post_movements(v_clock, 'expire', 'held', 'available', v_lines);
  end if;
  select array_agg(p.pool_id) filter (where p.seen_at < v_clock + interval '1 second'),
         greatest(v_clock, max(p.seen_at) filter (
           where p.seen_at < v_clock + interval '1 second'))
    into fresh_ids, decided_at
    from (select s.pool_id, max(s.seen_at) as seen_at
            from seckill_private.pool_slot as s
           where s.pool_id = any (pool_ids)
           group by s.pool_id) as p;
  available := seckill_private.available_of(pool_ids);
end
$function$;

comment on function seckill_private.pools_of_batch (timestamptz, seckill_private.request[]) is
  'The pools of a batch, ascending: what is available in each, and the instant of the decision.';
