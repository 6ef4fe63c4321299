-- Nothing is locked and no row written, so it may be called beside a rush, in any transaction. All
-- checks are made in one snapshot (explain_at). That a request was answered before is told as its
-- repeat tells it: once the answer is on disk (seckill_private.replay).
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
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $function$
declare
  v_row seckill.check_result;
begin
  perform seckill_private.validate_request(
    p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id, p_region);
  for v_row in
    select c.*
      from seckill_private.explain_at(
             null, p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id,
             p_region, seckill_private.subject_digests(p_subjects)) as c
  loop
    if v_row.check_name = 'replay' then
      perform seckill_private.ensure_durable(clock_timestamp());
    end if;
    return next v_row;
  end loop;
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
