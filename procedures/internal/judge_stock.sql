-- Answers: sold_out; null while the pool has the units.
-- Retry: not_yet while a release is scheduled, may_return while units are held, else final. The
--   answer can change by itself at the first of both.
-- p_next_release: no release is due before it, and none at all where it is infinity.
-- p_next_expiry: no hold of the pool ends before it. Those of the activity's other pools that do
--   need not be looked through then.
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
  v_release_at timestamptz;
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
  if p_next_release < 'infinity' then
    v_release_at := seckill_private.next_release(p_pool_id, p_now);
  end if;
  v_check.retry := case
    when v_release_at is not null then 'not_yet'
    when p_balance.held > 0 then 'may_return'
    else 'final'
  end;
  if p_balance.held > 0 then
    v_check.retry_at := seckill_private.first_expiry(
      p_activity_id, p_pool_id, greatest(p_now, p_next_expiry - interval '1 microsecond'));
  end if;
  v_check.retry_at := least(v_check.retry_at, v_release_at);
  v_check.resets_at := v_check.retry_at;
  return v_check;
end
$function$;

comment on function seckill_private.judge_stock (
  bigint, bigint, text, bigint, seckill.availability_result, timestamptz, timestamptz,
  timestamptz) is
  'Whether what a pool holds is enough for a line.';
