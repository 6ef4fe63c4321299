-- Precedence, locks and refusals: seckill_private.reserve_one.
-- Plans are made once and kept (plan_cache_mode), and by an index (enable_seqscan): a table that is
-- empty when the first buyer comes has 100,000 rows a minute later. Before PostgreSQL 18 a small
-- table that has to be read whole then looks so costly that its plan is compiled, hence jit. So all
-- that buy or run a sale.
-- v_begun is never read: an assignment is an expression, perform would be a query.
create or replace function seckill.reserve (
  p_activity_id bigint,
  p_user_id text,
  p_sku text,
  p_quantity integer,
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
  v_begun text := seckill_private.begin_write();
  v_result seckill.reserve_result;
  v_digests bytea[];
begin
  if not seckill_private.is_sound(
       p_activity_id, p_user_id, p_sku, p_quantity, p_request_id, p_region) then
    perform seckill_private.validate_request(
      p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id, p_region);
  end if;
  if p_subjects is distinct from '{}' then
    v_digests := seckill_private.subject_digests(p_subjects);
  end if;
  v_result := seckill_private.reserve_at(
    null, p_activity_id, p_user_id, array[p_sku], array[p_quantity], p_request_id, p_region,
    v_digests);
  v_result.ordinal := 1;
  return v_result;
end
$function$;

comment on function seckill.reserve (bigint, text, text, integer, uuid, text, jsonb) is
  'Reserve units of a sku for a user until a hold ends. p_quantity: units. p_request_id: made by '
  'the caller before the first try; a repeat of what was held is that reservation (replayed). '
  'p_region: matched exactly. p_subjects: {"phone": "…", …}, whom limits and lists may be about '
  'beside the user; stored as salted digests only. Answers, highest precedence first: the earlier '
  'answer; ended, not_started, paused; sold_out; not_eligible; limit_exceeded; busy (nothing was '
  'decided); held. A refusal changes nothing. Raises SK001 (also where a limit''s dimension is '
  'missing) to SK005; 55P03 after five seconds of waiting, when nothing happened either.';
grant execute on function seckill.reserve (bigint, text, text, integer, uuid, text, jsonb)
   to seckill_app;
