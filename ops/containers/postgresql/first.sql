-- What the DBA does once on a new server (ops/pgbouncer/README.md, migrations/README.md): who
-- migrates, the database, and what PgBouncer needs. The migrations make the rest.
\set ON_ERROR_STOP on
\set admin_password `cat /run/secrets/admin_password`
\set pooler_password `cat /run/secrets/pooler_password`
create role seckill_admin login createrole password :'admin_password';
create database seckill owner seckill_admin;
\connect seckill
\i /etc/postgresql/auth_query.sql
alter role seckill_pooler password :'pooler_password';
