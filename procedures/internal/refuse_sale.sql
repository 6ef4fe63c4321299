-- The refusal not_started, paused or ended, or null while the activity is on sale.
create or replace function seckill_private.refuse_sale (
  p_activity seckill_private.activity,
  p_now timestamptz
)
  returns seckill.reserve_result
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.reserve_result;
begin
  v_result.status := seckill_private.sale_status(
    p_activity.state, p_activity.starts_at, p_activity.ends_at, p_now);
  if v_result.status = 'on_sale' then
    return null;
  elsif v_result.status = 'ended' then
    v_result.retry := 'final';
  else
    v_result.retry := 'not_yet';
    if p_activity.starts_at > p_now then
      v_result.retry_at := p_activity.starts_at;
    end if;
  end if;
  return v_result;
end
$function$;

comment on function seckill_private.refuse_sale (seckill_private.activity, timestamptz) is
  'The refusal not_started, paused or ended, or null while the activity is on sale.';
