-- The one order of users: a batch of purchases and one of payments may have the same buyers.
-- Locks: users, ascending by their locks' keys.
create or replace function seckill_private.lock_buyers (
  p_user_ids text[]
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform pg_advisory_xact_lock(k.key)
     from (select distinct seckill_private.lock_key('user', u.user_id) as key
             from unnest(p_user_ids) as u (user_id)
            where u.user_id is not null
            order by key
           offset 0) as k;
end
$function$;

comment on function seckill_private.lock_buyers (text[]) is
  'Take the advisory locks of all users of a batch.';
