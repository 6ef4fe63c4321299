-- Locks: the slots of the pools, and the inventory where one owes units, where there are several.
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
  v_clock timestamptz;
begin
  pool_ids := array(
    select distinct r.pool_id
      from unnest(p_requests) as r
     where r.pool_id is not null and r.error_code is null
     order by r.pool_id);
  locked := cardinality(pool_ids) > 1;
  if locked then
    perform seckill_private.lock_stock(pool_ids);
  end if;
  v_clock := coalesce(p_now, clock_timestamp());
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
