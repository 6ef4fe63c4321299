-- resets_at of a limit is its window's, as in seckill.limit_usage_at; of any other check when its
-- answer can first change by itself. What only the decision needs (sku, epoch, seen_at) is left
-- out.
create or replace function seckill_private.show_check (
  p_check seckill_private.check
)
  returns seckill.check_result
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.check_result;
begin
  v_result.status := case when p_check.answer is null then 'pass' else 'fail' end;
  v_result.check_name := p_check.check_name;
  v_result.limit_name := p_check.limit_name;
  v_result.dimension := p_check.dimension;
  v_result.used := p_check.used;
  v_result.maximum := p_check.maximum;
  v_result.remaining := p_check.remaining;
  v_result.resets_at := case when p_check.check_name = 'limit'
    then p_check.resets_at else p_check.retry_at
  end;
  v_result.retry := p_check.retry;
  return v_result;
end
$function$;

comment on function seckill_private.show_check (seckill_private.check) is
  'A check as seckill.explain shows it.';
