-- Locks: the activity, its slots ascending, inventory rows by sku, holds by SKIP LOCKED.
create or replace function seckill.set_stock_total (
  p_activity_id bigint,
  p_sku text,
  p_total bigint,
  p_mode text,
  p_region text default '*',
  p_expected_total bigint default null,
  p_actor text default null
)
  returns seckill.ops_result
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
  v_result seckill.ops_result;
begin
  perform seckill_private.begin_write();
  perform seckill_private.require_text('p_sku', p_sku);
  perform seckill_private.require_text('p_region', p_region);
  perform seckill_private.optional_text('p_actor', p_actor);
  if p_total is null or p_total not between 0 and 1000000000000 then
    perform seckill_private.raise_error('SK001', 'p_total must be from 0 to 10^12');
  elsif p_mode is null or p_mode not in ('reject', 'floor', 'drain', 'revoke') then
    perform seckill_private.raise_error(
      'SK001', 'p_mode must be reject, floor, drain or revoke');
  end if;
  perform seckill_private.lock_activity(p_activity_id);
  v_result := seckill_private.set_stock_total_at(
    null, p_activity_id, p_sku, p_region, p_total, p_mode, p_expected_total, p_actor);
  if not v_result.replayed then
    perform seckill_private.ops_record(
      'set_stock_total', p_activity_id, null,
      jsonb_build_object(
        'sku', p_sku, 'region', p_region, 'total', p_total, 'mode', p_mode,
        'expected_total', p_expected_total),
      to_jsonb(v_result), p_actor);
  end if;
  return v_result;
end
$function$;

comment on function seckill.set_stock_total (
  bigint, text, bigint, text, text, bigint, text) is
  'Set how many units a pool has, also while it sells; what goes in comes from the inventory, '
  'what goes out returns to it. p_total: 0 to 10^12. p_mode, where it is lowered: reject (SK007 '
  'when fewer than are held or sold), floor (down to what is held or sold, and no further), drain '
  '(what is available goes now, the rest as it comes back; units that are allocated later pay '
  'that debt first), revoke (the newest holds are cancelled, each with a line in the ledger, '
  'until it fits; SK007 when fewer than are sold). Units go in this order: available, then those '
  'of later releases, the latest first, then by mode. Holds that have ended are settled before. '
  'p_expected_total: the call is refused with SK006 unless this is the total it finds. status: '
  'set; quantity: units put in (negative: taken out); total: units in the pool then; replayed: '
  'there was nothing to change. Raises SK001, SK002, SK003, SK005, SK006 (also when closed), '
  'SK007; 55P03 after five seconds of waiting, or when others are just resolving the holds in '
  'question: nothing happened, try again.';
grant execute on function seckill.set_stock_total (
  bigint, text, bigint, text, text, bigint, text) to seckill_ops;
