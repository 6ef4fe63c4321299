-- The session's own slot, then any that is free, in a circle, so that callers do not meet; nobody
-- is waited for. A slot that had the units when it was seen and has them no longer stays locked
-- (that cannot be undone): kept is the highest of these, and only higher ones may be waited for.
-- Locks: slots by SKIP LOCKED.
create or replace function seckill_private.take_free (
  p_now timestamptz,
  p_pool_id bigint,
  p_quantity integer,
  p_expires_at timestamptz,
  p_count integer,
  out slot smallint,
  out version bigint,
  out kept smallint
)
  returns record
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  for slot in
    select s.slot
      from seckill_private.pool_slot as s
     where s.pool_id = p_pool_id
       and s.available >= p_quantity
     order by (s.slot + p_count - pg_backend_pid() % p_count) % p_count
  loop
    perform from seckill_private.pool_slot as s
      where s.pool_id = p_pool_id
        and s.slot = take_free.slot
        for update skip locked;
    if found then
      version := seckill_private.hold_units(
        p_now, p_pool_id, p_quantity, p_expires_at, p_slot => slot);
      exit when version is not null;
      kept := greatest(kept, slot);
    end if;
  end loop;
end
$function$;

comment on function seckill_private.take_free (
  timestamptz, bigint, integer, timestamptz, integer) is
  'Take the units of an order from a slot of a pool that nobody has in hand; version is null where '
  'there is none.';
