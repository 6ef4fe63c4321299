-- Precedence, locks: seckill_private.refund_at.
create or replace function seckill.refund (
  p_user_id text,
  p_reservation_id bigint,
  p_skus text[] default null,
  p_quantities integer[] default null,
  p_request_id uuid default null,
  p_restock boolean default true,
  p_restore_limits boolean default true
)
  returns seckill.resolve_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
  set lock_timeout = '5s'
as $function$
begin
  perform seckill_private.validate_refund(
    p_skus, p_quantities, p_request_id, p_restock, p_restore_limits);
  return seckill_private.refund_at(
    null, p_user_id, p_reservation_id, p_skus, p_quantities, p_request_id, p_restock,
    p_restore_limits);
end
$function$;

comment on function seckill.refund (
  text, bigint, text[], integer[], uuid, boolean, boolean) is
  'Take back what was bought: all that remains, or the lines named. p_skus, p_quantities: '
  'parallel; skus alone mean all that remains of them, quantities alone are those of the lines as '
  'reserved. p_request_id: a repeat refunds nothing more; needed where lines or quantities are '
  'named. p_restock: the units can be bought again (in a closed activity they go to the '
  'inventory); false writes them off. p_restore_limits: the buyer may buy as many again in the '
  'window of the purchase; an order is given back with its last unit. Answers: refunded (nothing '
  'is left), partly_refunded. A repeat gives the same answer, replayed; so does asking for all '
  'once all was refunded. Raises SK001 (also when fewer units remain), SK004, SK005, SK006 (not '
  'confirmed), SK008; 55P03 after five seconds of waiting.';
grant execute on function seckill.refund (
  text, bigint, text[], integer[], uuid, boolean, boolean) to seckill_app;
