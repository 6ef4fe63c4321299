-- Precedence, locks and refusals: seckill_private.reserve_one.
create or replace function seckill.reserve_lines (
  p_activity_id bigint,
  p_user_id text,
  p_skus text[],
  p_quantities integer[],
  p_request_id uuid,
  p_region text default '*',
  p_subjects jsonb default '{}'
)
  returns seckill.reserve_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
declare
  v_result seckill.reserve_result;
  v_lines seckill.reservation_result;
begin
  perform seckill_private.begin_write();
  perform seckill_private.validate_request(
    p_activity_id, p_user_id, p_skus, p_quantities, p_request_id, p_region);
  v_lines := seckill_private.merge_lines(p_skus, p_quantities);
  v_result := seckill_private.reserve_at(
    null, p_activity_id, p_user_id, v_lines.skus, v_lines.quantities, p_request_id, p_region,
    seckill_private.subject_digests(p_subjects));
  v_result.ordinal := 1;
  return v_result;
end
$function$;

comment on function seckill.reserve_lines (
  bigint, text, text[], integer[], uuid, text, jsonb) is
  'Reserve several skus in one order, all or nothing. p_skus, p_quantities (units): parallel, 1 to '
  '50 lines; lines of one sku are added up. All lines are of p_region. Limits count the whole '
  'order. Otherwise as reserve: sold_out names the first sku, in sorted order, of which too few '
  'are left. Raises SK001 to SK005; 55P03 after five seconds of waiting, when nothing happened.';
grant execute on function seckill.reserve_lines (
  bigint, text, text[], integer[], uuid, text, jsonb) to seckill_app;
