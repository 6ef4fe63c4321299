-- Precedence and refusals of each: seckill_private.reserve_one; the locks of all:
-- seckill_private.reserve_batch_at.
create or replace function seckill.reserve_batch (
  p_activity_ids bigint[],
  p_user_ids text[],
  p_skus text[],
  p_quantities integer[],
  p_request_ids uuid[],
  p_regions text[],
  p_subjects jsonb[]
)
  returns setof seckill.reserve_result
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
  v_requests integer := cardinality(p_activity_ids);
begin
  perform seckill_private.begin_write();
  if (v_requests = all (array[
       cardinality(p_user_ids), cardinality(p_skus), cardinality(p_quantities),
       cardinality(p_request_ids), cardinality(p_regions), cardinality(p_subjects)]))
     is not true then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must be equally long');
  elsif greatest(
          array_ndims(p_activity_ids), array_ndims(p_user_ids), array_ndims(p_skus),
          array_ndims(p_quantities), array_ndims(p_request_ids), array_ndims(p_regions),
          array_ndims(p_subjects)) > 1 then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must be plain lists');
  elsif v_requests > 500 then
    perform seckill_private.raise_error('SK001', 'a batch takes 500 requests');
  end if;
  return query
    select b.*
      from seckill_private.reserve_batch_at(
             null, seckill_private.read_requests(
               p_activity_ids, p_user_ids, p_skus, p_quantities, p_request_ids, p_regions,
               p_subjects)) as b;
end
$function$;

comment on function seckill.reserve_batch (
  bigint[], text[], text[], integer[], uuid[], text[], jsonb[]) is
  'Reserve for up to 500 buyers in one transaction: the arrays are parallel, one line a request. '
  'One row for each, in their order (ordinal), as seckill.reserve would answer them one after '
  'another. A request that it would refuse with SK001 to SK004 gets status error and the code in '
  'error_code, and the others go on. Every limit and list holds inside the batch too. Raises SK001 '
  '(arrays that are null, of unequal length or too long), SK005; 55P03 after five seconds of '
  'waiting for a lock, when nothing happened.';
grant execute on function seckill.reserve_batch (
  bigint[], text[], text[], integer[], uuid[], text[], jsonb[]) to seckill_app;
