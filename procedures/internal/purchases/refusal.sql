-- Fields that the check does not have stay null.
create or replace function seckill_private.refusal (
  p_check seckill_private.check
)
  returns seckill.reserve_result
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
begin
  v_result.status := p_check.answer;
  v_result.limit_name := p_check.limit_name;
  v_result.sku := p_check.sku;
  v_result.remaining := p_check.remaining;
  v_result.epoch := p_check.epoch;
  v_result.retry := p_check.retry;
  v_result.retry_at := p_check.retry_at;
  return v_result;
end
$function$;

comment on function seckill_private.refusal (seckill_private.check) is
  'A failed check as the answer to a purchase.';
