-- Where counters are too low for an order: give back what ended holds and due releases have, in
-- the pools that are short. p_locked: the caller has locked the pools' slots; then only holds
-- that touch no other pool are taken, since a lock on a lower slot may not be waited for any
-- more. Where there is nothing to settle, nothing is waited for: a sweeper may have the holds
-- and the slots. p_sku: whose inventory the caller needs afterwards.
-- Locks: due holds by SKIP LOCKED; then the slots of the order and of those holds, and the
--   inventory of pools in debt, all at once, since the caller may come twice.
create or replace function seckill_private.settle_short (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_ids bigint[],
  p_quantities bigint[],
  p_locked boolean,
  p_sku text default null
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_short bigint[] := seckill_private.short_pools(p_pool_ids, p_quantities);
  v_lines seckill_private.unit_line[];
begin
  if v_short is null then
    return;
  end if;
  v_lines := seckill_private.pick_short(
    p_now, array[p_activity_id], p_pool_ids, p_quantities,
    case when p_locked then p_pool_ids end);
  if v_lines is null and not exists (
       select from seckill_private.stock_release as r
        where r.pool_id = any (v_short)
          and r.release_at <= p_now) then
    return;
  elsif not p_locked then
    perform seckill_private.lock_stock(
      p_pool_ids || array(select l.pool_id from unnest(v_lines) as l), p_sku);
  end if;
  perform seckill_private.post_movements(p_now, 'expire', 'held', 'available', v_lines);
  perform seckill_private.release_due(p_now, p_now, v_short);
end
$function$;

comment on function seckill_private.settle_short (
  timestamptz, bigint, bigint[], bigint[], boolean, text) is
  'Give back what has ended or is due, where an order would lack units otherwise.';
