-- Called with the slots locked and everything settled that could be. Units go in this order: those
-- available, those of later releases (the latest first), and by mode those that are held.
-- Raises: SK007 where the mode does not go as low; 55P03 where holds that have ended, and count as
--   available, are in somebody's hand.
create or replace function seckill_private.lower_total (
  p_now timestamptz,
  p_activity_id bigint,
  p_pool_id bigint,
  p_total bigint,
  p_mode text,
  p_actor text
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_slots seckill_private.pool_slot := seckill_private.slots_of(p_pool_id);
  v_excess bigint := v_slots.total - p_total;
  v_short bigint := v_excess - v_slots.available - v_slots.unreleased;
  v_note text := format('%s from %s to %s', p_mode, v_slots.total, p_total);
begin
  -- An older debt would take what is revoked now, and more of it than has to go.
  if p_mode <> 'drain' then
    perform seckill_private.owe_units(p_now, p_activity_id, p_pool_id, 0, p_actor, v_note);
  end if;
  if v_short > 0 and p_mode <> 'drain' then
    if p_mode = 'revoke' and p_total < v_slots.sold then
      perform seckill_private.raise_error('SK007', v_slots.sold || ' units are sold');
    elsif seckill_private.due_units(p_activity_id, p_pool_id, p_now) > 0 then
      perform seckill_private.raise_error('55P03', 'holds that have ended are being settled');
    elsif p_mode = 'reject' then
      perform seckill_private.raise_error(
        'SK007', v_slots.held + v_slots.sold || ' units are held or sold');
    end if;
  end if;
  v_excess := v_excess - seckill_private.cut_available(
    p_now, p_pool_id, v_excess, p_actor, v_note);
  v_excess := v_excess - seckill_private.cut_unreleased(
    p_now, p_pool_id, v_excess, p_actor, v_note);
  if p_mode = 'drain' then
    perform seckill_private.owe_units(
      p_now, p_activity_id, p_pool_id, v_excess, p_actor, v_note);
  elsif p_mode = 'revoke' and v_excess > 0 then
    perform seckill_private.revoke_holds(
      p_now, p_activity_id, p_pool_id, v_excess, p_actor, v_note);
    perform seckill_private.cut_available(p_now, p_pool_id, v_excess, p_actor, v_note);
  end if;
end
$function$;

comment on function seckill_private.lower_total (
  timestamptz, bigint, bigint, bigint, text, text) is
  'Take units out of a pool until its total is as low as the mode allows.';
