-- A reservation is one row for all of its lines, so it has one position: the last of its slots'.
-- The others are raised to it, or what moves next on them would come before the hold.
-- Called with the slots locked and their units taken.
create or replace function seckill_private.level_positions (
  p_pool_ids bigint[],
  p_slots smallint[]
)
  returns bigint
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_position bigint;
begin
  select max(s.position) into v_position
    from seckill_private.pool_slot as s
   where s.pool_id = any (p_pool_ids)
     and (s.pool_id, s.slot) in (select u.pool_id, u.slot
                                   from unnest(p_pool_ids, p_slots) as u (pool_id, slot));
  update seckill_private.pool_slot as s
     set position = v_position
   where s.pool_id = any (p_pool_ids)
     and (s.pool_id, s.slot) in (select u.pool_id, u.slot
                                   from unnest(p_pool_ids, p_slots) as u (pool_id, slot))
     and s.position < v_position;
  return v_position;
end
$function$;

comment on function seckill_private.level_positions (bigint[], smallint[]) is
  'The position in the feed of a hold that has just taken its units from these slots.';
