-- Answers: sold_out; null while the pool has the units. Retry: stock_returns.
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
declare
  v_check seckill_private.check;
  v_balance seckill.availability_result :=
    seckill_private.pool_balance(p_activity_id, p_pool_id, p_now);
  v_returns record;
begin
  v_check.check_name := 'stock';
  v_check.sku := p_sku;
  v_check.used := v_balance.held + v_balance.sold;
  v_check.maximum := v_balance.total;
  v_check.remaining := v_balance.available;
  if v_balance.available >= p_quantity then
    return v_check;
  end if;
  v_returns := seckill_private.stock_returns(
    p_activity_id, p_pool_id, v_balance.held, '-infinity',
    (select min(s.next_expiry) from seckill_private.pool_slot as s where s.pool_id = p_pool_id),
    p_now);
  v_check.answer := 'sold_out';
  v_check.epoch := v_balance.epoch;
  v_check.retry := v_returns.retry;
  v_check.retry_at := v_returns.retry_at;
  return v_check;
end
$function$;

comment on function seckill_private.stock_check (bigint, bigint, text, bigint, timestamptz) is
  'Whether a pool has the units of a line.';
