-- Locks: the subjects of a batch beside its users, as lock_digests does, by the limits of all its
-- sales.
create or replace function seckill_private.lock_all_digests (
  p_requests seckill_private.request[],
  p_sales seckill_private.sale[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform seckill_private.lock_digests(
    array(select distinct d.digest
            from unnest(p_requests) as r
           cross join lateral unnest(r.digests) as d (digest)),
    array(select l
            from unnest(p_sales) as s
           cross join lateral unnest(s.limits) as l));
end
$function$;

comment on function seckill_private.lock_all_digests (
  seckill_private.request[], seckill_private.sale[]) is
  'Take the advisory locks of the subjects of a batch.';
