-- Precedence of status: ended, not_started, paused, sold_out, on_sale.
-- One snapshot (stable), so that the numbers belong together.
create or replace function seckill.availability (
  p_activity_id bigint,
  p_sku text,
  p_region text default '*'
)
  returns seckill.availability_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
declare
  v_result seckill.availability_result;
  v_activity seckill_private.activity;
  v_pool_id bigint;
  v_now timestamptz;
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  end if;
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  v_activity := (seckill_private.load_sale(p_activity_id)).activity;
  v_pool_id := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  v_now := seckill_private.now_at(null, array[v_pool_id]);
  v_result := seckill_private.pool_balance(p_activity_id, v_pool_id, v_now);
  v_result.status := seckill_private.sale_status(
    v_activity.state, v_activity.starts_at, v_activity.ends_at, v_now);
  if v_result.status = 'on_sale' and v_result.available = 0 then
    v_result.status := 'sold_out';
  end if;
  return v_result;
end
$function$;

comment on function seckill.availability (bigint, text, text) is
  'Units of (activity, sku, region): total = available + held + sold. Holds that have ended count '
  'as available. status: on_sale, sold_out, not_started, paused, ended. Raises SK001, SK002, '
  'SK003.';
grant execute on function seckill.availability (bigint, text, text) to seckill_app, seckill_read;
