-- What Alembic wrote, so that a client can see whether it knows this schema.
create or replace function seckill.schema_version ()
  returns text
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
return (select v.version_num from seckill_private.alembic_version as v);

comment on function seckill.schema_version () is
  'The revision of the schema, such as 0001_core.';
grant execute on function seckill.schema_version () to seckill_read, seckill_app, seckill_ops;
