-- The subjects of a request beside the user. One that a limit is set on is locked for this caller
-- alone. The others are locked too, but shared: nobody waits for his neighbour at the same address,
-- yet who decides by a limit that was set a moment ago waits for the purchases that were decided
-- before it was, and counts them.
-- Locks: ascending by digest, after the user; held until the transaction ends.
create or replace function seckill_private.lock_digests (
  p_digests bytea[],
  p_limits seckill_private.limit_version[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  v_limited bytea[] := array(
    select distinct seckill_private.dimension_tag(l.dimension) from unnest(p_limits) as l);
  v_digest bytea;
  v_key bigint;
begin
  for v_digest in select d.digest from unnest(p_digests) as d (digest) order by d.digest loop
    v_key := hashtextextended(encode(v_digest, 'hex') collate "C", 7233173838382854);
    if substr(v_digest, 1, 4) = any (v_limited) then
      perform pg_advisory_xact_lock(v_key);
    else
      perform pg_advisory_xact_lock_shared(v_key);
    end if;
  end loop;
end
$function$;

comment on function seckill_private.lock_digests (bytea[], seckill_private.limit_version[]) is
  'Take the advisory locks of a request''s subjects: exclusive where a limit is set, else shared.';
