-- Takes everything away but what Alembic needs (the version table and its schema), and the roles,
-- which belong to the cluster. Without cascade: what somebody else built on ours stops it.

set local lock_timeout = '3s';
set local search_path = pg_catalog, pg_temp;
set local role seckill_owner;

-- The private types have tables' rows as fields.
drop type
  seckill_private.sale,
  seckill_private.line_look,
  seckill_private.taken,
  seckill_private.feed_place,
  seckill_private.limit_use,
  seckill_private.check,
  seckill_private.request,
  seckill_private.unit_line,
  seckill.ops_entry,
  seckill.check_result,
  seckill.archived_row,
  seckill.inventory_result,
  seckill.violation,
  seckill.change,
  seckill.ops_result,
  seckill.reservation_result,
  seckill.availability_result,
  seckill.resolve_result,
  seckill.reserve_result;
drop table
  seckill_private.ops_entry,
  seckill_private.listed_subject,
  seckill_private.list_dimension,
  seckill_private.limit_version,
  seckill_private.limits_revision,
  seckill_private.inventory_movement,
  seckill_private.inventory,
  seckill_private.refund,
  seckill_private.feed,
  seckill_private.movement,
  seckill_private.reservation,
  seckill_private.stock_release,
  seckill_private.pool_slot,
  seckill_private.pool,
  seckill_private.activity,
  seckill_private.secret;
drop domain
  seckill_private.units,
  seckill_private.reservation_state,
  seckill_private.late_status;
drop sequence
  seckill_private.movement_number,
  seckill_private.reservation_number;
drop schema seckill;
comment on schema seckill_private is null;
alter default privileges for role seckill_owner grant execute on functions to public;

reset role;
