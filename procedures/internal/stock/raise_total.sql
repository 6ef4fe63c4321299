-- Who raises the total to what the pool has, or more, has changed his mind about what it owes.
-- Locks: none but the inventory row; the caller has the slots, and that one too where it may need
--   others (lock_stock).
-- Raises: SK007 when the inventory has fewer.
create or replace function seckill_private.raise_total (
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
  v_total bigint := (seckill_private.slots_of(p_pool_id)).total;
  v_note text := format('%s from %s to %s', p_mode, v_total, p_total);
begin
  perform seckill_private.owe_units(p_now, p_activity_id, p_pool_id, 0, p_actor, v_note);
  if p_total > v_total then
    perform seckill_private.post_movements(
      p_now, 'raise', 'inventory', 'available',
      seckill_private.spread_units(p_pool_id, p_total - v_total),
      p_actor, v_note);
  end if;
end
$function$;

comment on function seckill_private.raise_total (
  timestamptz, bigint, bigint, bigint, text, text) is
  'Bring units from the inventory into a pool until its total is this.';
