-- The refusal for want of units, or null while there are enough.
-- Retry: final when none is held either, else may_return; then the first end of a hold is the
--   earliest instant at which units can come back by themselves.
create or replace function seckill_private.refuse_stock (
  p_activity_id bigint,
  p_pool_id bigint,
  p_sku text,
  p_quantity bigint,
  p_now timestamptz
)
  returns seckill.reserve_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
  v_balance seckill.availability_result :=
    seckill_private.pool_balance(p_activity_id, p_pool_id, p_now);
begin
  if v_balance.available >= p_quantity then
    return null;
  end if;
  v_result.status := 'sold_out';
  v_result.sku := p_sku;
  v_result.remaining := v_balance.available;
  v_result.epoch := v_balance.epoch;
  v_result.retry := 'final';
  if v_balance.held > 0 then
    v_result.retry := 'may_return';
    v_result.retry_at := seckill_private.first_expiry(p_activity_id, p_pool_id, p_now);
  end if;
  return v_result;
end
$function$;

comment on function seckill_private.refuse_stock (bigint, bigint, text, bigint, timestamptz) is
  'The refusal sold_out, or null while the pool has the units.';
