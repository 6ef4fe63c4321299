-- Precedence, locks: seckill_private.confirm_batch_at.
create or replace function seckill.confirm_batch (
  p_user_ids text[],
  p_reservation_ids bigint[],
  p_payment_refs text[]
)
  returns setof seckill.resolve_result
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
  v_payments integer := cardinality(p_reservation_ids);
begin
  perform seckill_private.begin_write();
  if p_user_ids is null or p_reservation_ids is null or p_payment_refs is null then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must not be null');
  elsif v_payments <> cardinality(p_user_ids) or v_payments <> cardinality(p_payment_refs) then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must be equally long');
  elsif array_ndims(p_user_ids) > 1 or array_ndims(p_reservation_ids) > 1
        or array_ndims(p_payment_refs) > 1 or array_lower(p_user_ids, 1) <> 1
        or array_lower(p_reservation_ids, 1) <> 1 or array_lower(p_payment_refs, 1) <> 1 then
    perform seckill_private.raise_error('SK001', 'the arrays of a batch must be plain lists');
  elsif v_payments > 500 then
    perform seckill_private.raise_error('SK001', 'a batch takes 500 payments');
  end if;
  return query
    select b.*
      from seckill_private.confirm_batch_at(
             null, p_user_ids, p_reservation_ids, p_payment_refs) as b;
end
$function$;

comment on function seckill.confirm_batch (text[], bigint[], text[]) is
  'Confirm up to 500 reservations, as a file of payments brings them: the arrays are parallel, a '
  'payment_ref may be null. One row for each, in their order, as seckill.confirm would answer them '
  'one after another; a payment that it would refuse with SK001 or SK008 gets status error and the '
  'code in error_code, and the others go on. All are decided at one instant. Raises SK001 (arrays '
  'that are null, of unequal length or too long), SK005; 55P03 after five seconds of waiting, or '
  'when others are just settling the units that a late payment needs: nothing happened, try again.';
grant execute on function seckill.confirm_batch (text[], bigint[], text[]) to seckill_app;
