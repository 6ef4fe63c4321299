-- Precedence, locks: seckill_private.cancel_at.
create or replace function seckill.cancel (
  p_user_id text,
  p_reservation_id bigint,
  p_reason text default null
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
  perform seckill_private.optional_text('p_reason', p_reason);
  return seckill_private.cancel_at(null, p_user_id, p_reservation_id, p_reason);
end
$function$;

comment on function seckill.cancel (text, bigint, text) is
  'Give a hold back: its units are available again at once. Answers: cancelled; confirmed (too '
  'late, it was paid); expired (the hold had ended); refunded. A repeat gives the same answer; '
  'replayed where it was cancelled before. Raises SK001, SK005, SK008; 55P03 after five '
  'seconds of waiting, when nothing happened.';
grant execute on function seckill.cancel (text, bigint, text) to seckill_app;
