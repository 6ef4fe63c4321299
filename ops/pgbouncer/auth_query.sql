-- What PgBouncer needs in the database: a role of its own and a function that looks up one
-- password verifier. Run once per database by a superuser (only one may read verifiers), and
-- again whenever you like:
--   psql -v ON_ERROR_STOP=1 -d seckill -f auth_query.sql
-- Then give the role a password: \password seckill_pooler

do $block$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'seckill_pooler') then
    create role seckill_pooler login;
  end if;
end;
$block$;

create schema if not exists seckill_pooler;
revoke all on schema seckill_pooler from public;

create or replace function seckill_pooler.lookup (p_name text)
  returns table (name text, verifier text)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
  select a.rolname::text, a.rolpassword
    from pg_catalog.pg_authid as a
   where a.rolname = p_name
     and a.rolcanlogin
     and not a.rolsuper
     and (a.rolvaliduntil is null or a.rolvaliduntil > pg_catalog.clock_timestamp())
$function$;

comment on function seckill_pooler.lookup (text) is
  'PgBouncer''s auth_query: the password verifier of one login role.';
revoke all on function seckill_pooler.lookup (text) from public;
grant usage on schema seckill_pooler to seckill_pooler;
grant execute on function seckill_pooler.lookup (text) to seckill_pooler;
