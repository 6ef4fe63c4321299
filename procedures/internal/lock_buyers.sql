-- Locks: the users of a batch, ascending by their locks' keys.
create or replace function seckill_private.lock_buyers (
  p_requests seckill_private.request[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform pg_advisory_xact_lock(k.key)
     from (select distinct seckill_private.lock_key('user', r.user_id) as key
             from unnest(p_requests) as r
            where r.error_code is null
            order by key
           offset 0) as k;
end
$function$;

comment on function seckill_private.lock_buyers (seckill_private.request[]) is
  'Take the advisory locks of all users of a batch.';
