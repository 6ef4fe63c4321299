-- Answers, retry: judge_stock.
create or replace function seckill_private.stock_check (
  p_activity_id bigint,
  p_pool_id bigint,
  p_sku text,
  p_quantity bigint,
  p_now timestamptz
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return seckill_private.judge_stock(
    p_activity_id, p_pool_id, p_sku, p_quantity,
    seckill_private.pool_balance(p_activity_id, p_pool_id, p_now),
    '-infinity',
    (select min(s.next_expiry) from seckill_private.pool_slot as s where s.pool_id = p_pool_id),
    p_now);
end
$function$;

comment on function seckill_private.stock_check (bigint, bigint, text, bigint, timestamptz) is
  'Whether a pool has the units of a line.';
