-- Precedence of status: ended, not_started, paused, sold_out, on_sale.
create or replace function seckill.stock_at (
  p_activity_id bigint,
  p_sku text,
  p_at timestamptz,
  p_region text default '*'
)
  returns seckill.availability_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_result seckill.availability_result;
  v_activity seckill_private.activity;
  v_pool_id bigint;
begin
  if p_activity_id is null then
    perform seckill_private.raise_error('SK001', 'p_activity_id must not be null');
  elsif p_at is null then
    perform seckill_private.raise_error('SK001', 'p_at must not be null');
  end if;
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  v_activity := seckill_private.activity_at(
    (seckill_private.load_sale(p_activity_id)).activity, p_at);
  v_pool_id := seckill_private.find_pool(p_activity_id, p_sku, p_region);
  v_result := seckill_private.pool_at(
    p_activity_id, v_pool_id, p_at, v_activity.state = 'closed');
  v_result.status := seckill_private.sale_status(
    v_activity.state, v_activity.starts_at, v_activity.ends_at, p_at);
  if v_result.status = 'on_sale' and v_result.available = 0 then
    v_result.status := 'sold_out';
  end if;
  return v_result;
end
$function$;

comment on function seckill.stock_at (bigint, text, timestamptz, text) is
  'Units of (activity, sku, region) as they were at an instant, from the ledger: what '
  'seckill.availability would have answered then. Holds that had ended count as available, swept '
  'or not. status by the state and the window that the journal of the ops calls has for that '
  'instant; before the activity was made it is not_started, without units. An instant to come is '
  'answered as if nobody called until then. It reads the ledger of the activity: no call for a '
  'hot path. Raises SK001, SK002, SK003.';
grant execute on function seckill.stock_at (bigint, text, timestamptz, text)
   to seckill_read, seckill_app, seckill_ops;
