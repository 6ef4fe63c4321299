-- The purchase itself: a conditional write on the hot row, or on one of them. Nulls when it has too
-- few units.
-- Its ledger row is the reservation, which the caller writes with the version and the position in
-- the feed that are returned here; of several (p_lines) the version is the last one's.
-- Locks: the slot's row, until the transaction ends.
create or replace function seckill_private.hold_units (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity bigint,
  p_expires_at timestamptz,
  p_lines integer default 1,
  p_slot smallint default 0,
  out version bigint,
  out feed_position bigint
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  update seckill_private.pool_slot as s
     set available = s.available - p_quantity,
         held = s.held + p_quantity,
         version = s.version + p_lines,
         position = seckill_private.next_position(s.position, s.position_base),
         next_expiry = least(s.next_expiry, p_expires_at),
         seen_at = greatest(s.seen_at, p_now)
   where s.pool_id = p_pool_id
     and s.slot = p_slot
     and s.available >= p_quantity
  returning s.version, s.position into version, feed_position;
end
$function$;

comment on function seckill_private.hold_units (
  timestamptz, bigint, bigint, timestamptz, integer, smallint) is
  'Move units of a slot from available to held: the version and the position of that movement, or '
  'nulls when short.';
