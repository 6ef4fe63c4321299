-- Answers: not_started, paused, ended; null while the activity is on sale.
create or replace function seckill_private.sale_check (
  p_activity seckill_private.activity,
  p_now timestamptz
)
  returns seckill_private.check
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_check seckill_private.check;
  v_status text := seckill_private.sale_status(
    p_activity.state, p_activity.starts_at, p_activity.ends_at, p_now);
begin
  v_check.check_name := 'sale';
  if v_status = 'on_sale' then
    return v_check;
  end if;
  v_check.answer := v_status;
  if v_status = 'ended' then
    v_check.retry := 'final';
  else
    v_check.retry := 'not_yet';
    if p_activity.starts_at > p_now then
      v_check.retry_at := p_activity.starts_at;
    end if;
  end if;
  return v_check;
end
$function$;

comment on function seckill_private.sale_check (seckill_private.activity, timestamptz) is
  'Whether an activity is on sale at an instant.';
