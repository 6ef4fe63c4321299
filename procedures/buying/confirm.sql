-- Precedence, locks: seckill_private.confirm_at.
create or replace function seckill.confirm (
  p_user_id text,
  p_reservation_id bigint,
  p_payment_ref text default null
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
  perform seckill_private.optional_text('p_payment_ref', p_payment_ref);
  return seckill_private.confirm_at(null, p_user_id, p_reservation_id, p_payment_ref);
end
$function$;

comment on function seckill.confirm (text, bigint, text) is
  'Record that a reservation was paid: its units are sold. p_payment_ref: the payment, if there is '
  'one. Answers: confirmed (late: the hold had ended, and the units were taken again); '
  'late_sold_out or late_limit_exceeded (the hold had ended, and stock or limit have gone to '
  'another purchase: refund the buyer; final); cancelled; refunded; duplicate_payment (confirmed '
  'before, with another payment_ref or none). late_sold_out, late_limit_exceeded and '
  'duplicate_payment leave an event in the ledger. A repeat gives the same answer, replayed; so '
  'does one without a payment_ref. Raises SK001, SK005, SK008; 55P03 after five seconds of '
  'waiting, or when others are just settling the units that a late payment needs: nothing '
  'happened, try again.';
grant execute on function seckill.confirm (text, bigint, text) to seckill_app;
