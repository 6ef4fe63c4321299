-- p_sku: whose inventory the caller needs afterwards.
-- Locks: due holds by SKIP LOCKED; the slots of the pools, ascending; inventory (settle_short).
create or replace function seckill_private.lock_units (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_ids bigint[],
  p_quantities bigint[],
  p_locked boolean default false,
  p_sku text default null
)
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if not p_locked then
    perform seckill_private.settle_short(
      p_now, p_activity_id, p_pool_ids, p_quantities, false, p_sku);
    perform seckill_private.lock_slots(p_pool_ids);
  end if;
  perform seckill_private.settle_short(p_now, p_activity_id, p_pool_ids, p_quantities, true);
  return seckill_private.short_pools(p_pool_ids, p_quantities) is null;
end
$function$;

comment on function seckill_private.lock_units (
  timestamptz, bigint, bigint[], bigint[], boolean, text) is
  'Lock the slots of some pools; whether each has its units available, ended holds settled.';
