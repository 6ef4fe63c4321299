-- Nothing is locked and nothing written, so it may be called beside a rush, in any transaction.
create or replace function seckill.explain (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
  p_request_id uuid,
  p_region text default '*',
  p_subjects jsonb default '{}'
)
  returns setof seckill.check_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
begin
  perform seckill_private.validate_request(
    p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id, p_region);
  return query
    select c.*
      from seckill_private.explain_at(
             null, p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id,
             p_region, seckill_private.subject_digests(p_subjects)) as c;
end
$function$;

comment on function seckill.explain (bigint, text, text, integer, uuid, text, jsonb) is
  'Why would this purchase succeed or fail, now? Arguments as reserve. A row for each check, in '
  'order of precedence: the first that fails is what reserve answers. check_name: replay (this '
  'request was answered before; then the only row), sale, stock, blocked and eligible (one for '
  'each dimension with such a list), limit (one for each that covers the sku, by name). Changes '
  'nothing. Raises SK001 to SK004.';
grant execute on function seckill.explain (bigint, text, text, integer, uuid, text, jsonb)
   to seckill_app;
