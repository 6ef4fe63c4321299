-- A revision that takes away or changes what callers rely on raises it by one; one that adds leaves
-- it (migrations/README.md).
create or replace function seckill.contract_version ()
  returns integer
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
return 1;

comment on function seckill.contract_version () is
  'The number of the contract, by which a client sees whether it knows this schema. Revisions that '
  'add leave it; one that takes something away raises it.';
grant execute on function seckill.contract_version () to seckill_read, seckill_app, seckill_ops;
