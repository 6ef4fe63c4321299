-- Answers: sold_out; null while the pool has the units.
-- Retry, p_next_release, p_next_expiry: stock_returns.
create or replace function seckill_private.judge_stock (
  p_activity_id bigint,
  p_pool_id bigint,
  p_sku text,
  p_quantity bigint,
  p_balance seckill.availability_result,
  p_next_release timestamptz,
  p_next_expiry timestamptz,
  p_now timestamptz
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_returns record;
begin
  v_check.check_name := 'stock';
  v_check.sku := p_sku;
  v_check.used := p_balance.held + p_balance.sold;
  v_check.maximum := p_balance.total;
  v_check.remaining := p_balance.available;
  if p_balance.available >= p_quantity then
    return v_check;
  end if;
  v_check.answer := 'sold_out';
  v_check.epoch := p_balance.epoch;
  v_returns := seckill_private.stock_returns(
    p_activity_id, p_pool_id, p_balance.held, p_next_release, p_next_expiry, p_now);
  v_check.retry := v_returns.retry;
  v_check.retry_at := v_returns.retry_at;
  v_check.resets_at := v_check.retry_at;
  return v_check;
end
$function$;

comment on function seckill_private.judge_stock (
  bigint, bigint, text, bigint, seckill.availability_result, timestamptz, timestamptz,
  timestamptz) is
  'Whether what a pool holds is enough for a line.';
