-- Locks: none that the caller has not taken, and the inventory row.
create or replace function seckill_private.cut_available (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_actor text,
  p_note text
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_lines seckill_private.unit_line[] :=
    seckill_private.available_lines(p_pool_id, p_quantity);
begin
  perform seckill_private.post_movements(
    p_now, 'cut', 'available', 'inventory', v_lines, p_actor, p_note);
  return (select coalesce(sum(l.quantity), 0)::bigint from unnest(v_lines) as l);
end
$function$;

comment on function seckill_private.cut_available (timestamptz, bigint, bigint, text, text) is
  'Take up to so many units that are available out of a pool, to the inventory; how many.';
