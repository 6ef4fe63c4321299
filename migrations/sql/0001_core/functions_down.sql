-- Frozen from procedures/ by migrations/freeze.py. Never edited: a database that runs this
-- revision in ten years gets what the first one got.

set local lock_timeout = '3s';
set local role seckill_owner;

-- file: procedures/views/sale_status.sql (dropped)
drop view if exists seckill.sale_status;

-- file: procedures/views/pool.sql (dropped)
drop view if exists seckill.pool;

-- file: procedures/views/limit_rule.sql (dropped)
drop view if exists seckill.limit_rule;

-- file: procedures/views/activity.sql (dropped)
drop view if exists seckill.activity;

-- file: procedures/reading/reconcile.sql (dropped)
drop function if exists seckill.reconcile;

-- file: procedures/reading/changes.sql (dropped)
drop function if exists seckill.changes;

-- file: procedures/reading/history.sql (dropped)
drop function if exists seckill.history;

-- file: procedures/reading/inventory.sql (dropped)
drop function if exists seckill.inventory;

-- file: procedures/reading/schema_version.sql (dropped)
drop function if exists seckill.schema_version;

-- file: procedures/reading/shard_of.sql (dropped)
drop function if exists seckill.shard_of;

-- file: procedures/running/expire_due.sql (dropped)
drop function if exists seckill.expire_due;

-- file: procedures/running/drop_limit.sql (dropped)
drop function if exists seckill.drop_limit;

-- file: procedures/running/set_limit.sql (dropped)
drop function if exists seckill.set_limit;

-- file: procedures/running/allocate_stock.sql (dropped)
drop function if exists seckill.allocate_stock;

-- file: procedures/running/receive_stock.sql (dropped)
drop function if exists seckill.receive_stock;

-- file: procedures/running/close_activity.sql (dropped)
drop function if exists seckill.close_activity;

-- file: procedures/running/resume_activity.sql (dropped)
drop function if exists seckill.resume_activity;

-- file: procedures/running/pause_activity.sql (dropped)
drop function if exists seckill.pause_activity;

-- file: procedures/running/open_activity.sql (dropped)
drop function if exists seckill.open_activity;

-- file: procedures/running/update_activity.sql (dropped)
drop function if exists seckill.update_activity;

-- file: procedures/running/create_activity.sql (dropped)
drop function if exists seckill.create_activity;

-- file: procedures/buying/list_reservations.sql (dropped)
drop function if exists seckill.list_reservations;

-- file: procedures/buying/find_reservation.sql (dropped)
drop function if exists seckill.find_reservation;

-- file: procedures/buying/get_reservation.sql (dropped)
drop function if exists seckill.get_reservation;

-- file: procedures/buying/availability.sql (dropped)
drop function if exists seckill.availability;

-- file: procedures/buying/cancel.sql (dropped)
drop function if exists seckill.cancel;

-- file: procedures/buying/confirm.sql (dropped)
drop function if exists seckill.confirm;

-- file: procedures/buying/reserve.sql (dropped)
drop function if exists seckill.reserve;

-- file: procedures/internal/check_limits.sql (dropped)
drop function if exists seckill_private.check_limits;

-- file: procedures/internal/check_reservations.sql (dropped)
drop function if exists seckill_private.check_reservations;

-- file: procedures/internal/check_inventory.sql (dropped)
drop function if exists seckill_private.check_inventory;

-- file: procedures/internal/check_slots.sql (dropped)
drop function if exists seckill_private.check_slots;

-- file: procedures/internal/feed_rows.sql (dropped)
drop function if exists seckill_private.feed_rows;

-- file: procedures/internal/rebase_feed.sql (dropped)
drop function if exists seckill_private.rebase_feed;

-- file: procedures/internal/feed_horizon.sql (dropped)
drop function if exists seckill_private.feed_horizon;

-- file: procedures/internal/feed_place.sql (dropped)
drop function if exists seckill_private.feed_place;

-- file: procedures/internal/feed_cursor.sql (dropped)
drop function if exists seckill_private.feed_cursor;

-- file: procedures/internal/sees_buyers.sql (dropped)
drop function if exists seckill_private.sees_buyers;

-- file: procedures/internal/end_limit.sql (dropped)
drop function if exists seckill_private.end_limit;

-- file: procedures/internal/limit_stands.sql (dropped)
drop function if exists seckill_private.limit_stands;

-- file: procedures/internal/validate_limit.sql (dropped)
drop function if exists seckill_private.validate_limit;

-- file: procedures/internal/return_unsold.sql (dropped)
drop function if exists seckill_private.return_unsold;

-- file: procedures/internal/change_state.sql (dropped)
drop function if exists seckill_private.change_state;

-- file: procedures/internal/ensure_pool.sql (dropped)
drop function if exists seckill_private.ensure_pool;

-- file: procedures/internal/ensure_partition.sql (dropped)
drop function if exists seckill_private.ensure_partition;

-- file: procedures/internal/validate_activity.sql (dropped)
drop function if exists seckill_private.validate_activity;

-- file: procedures/internal/ops_repeat.sql (dropped)
drop function if exists seckill_private.ops_repeat;

-- file: procedures/internal/ops_record.sql (dropped)
drop function if exists seckill_private.ops_record;

-- file: procedures/internal/ops_replay.sql (dropped)
drop function if exists seckill_private.ops_replay;

-- file: procedures/internal/lock_activity.sql (dropped)
drop function if exists seckill_private.lock_activity;

-- file: procedures/internal/cancel_at.sql (dropped)
drop function if exists seckill_private.cancel_at;

-- file: procedures/internal/confirm_at.sql (dropped)
drop function if exists seckill_private.confirm_at;

-- file: procedures/internal/confirm_late.sql (dropped)
drop function if exists seckill_private.confirm_late;

-- file: procedures/internal/lock_available.sql (dropped)
drop function if exists seckill_private.lock_available;

-- file: procedures/internal/record_payment.sql (dropped)
drop function if exists seckill_private.record_payment;

-- file: procedures/internal/record_event.sql (dropped)
drop function if exists seckill_private.record_event;

-- file: procedures/internal/settle_reservation.sql (dropped)
drop function if exists seckill_private.settle_reservation;

-- file: procedures/internal/resolve_reservation.sql (dropped)
drop function if exists seckill_private.resolve_reservation;

-- file: procedures/internal/lock_reservation.sql (dropped)
drop function if exists seckill_private.lock_reservation;

-- file: procedures/internal/reserve_at.sql (dropped)
drop function if exists seckill_private.reserve_at;

-- file: procedures/internal/take_hold.sql (dropped)
drop function if exists seckill_private.take_hold;

-- file: procedures/internal/replay.sql (dropped)
drop function if exists seckill_private.replay;

-- file: procedures/internal/same_request.sql (dropped)
drop function if exists seckill_private.same_request;

-- file: procedures/internal/expire_due_at.sql (dropped)
drop function if exists seckill_private.expire_due_at;

-- file: procedures/internal/refresh_next_expiry.sql (dropped)
drop function if exists seckill_private.refresh_next_expiry;

-- file: procedures/internal/expire_holds.sql (dropped)
drop function if exists seckill_private.expire_holds;

-- file: procedures/internal/hold_position.sql (dropped)
drop function if exists seckill_private.hold_position;

-- file: procedures/internal/hold_units.sql (dropped)
drop function if exists seckill_private.hold_units;

-- file: procedures/internal/post_movements.sql (dropped)
drop function if exists seckill_private.post_movements;

-- file: procedures/internal/move_inventory.sql (dropped)
drop function if exists seckill_private.move_inventory;

-- file: procedures/internal/moved.sql (dropped)
drop function if exists seckill_private.moved;

-- file: procedures/internal/next_position.sql (dropped)
drop function if exists seckill_private.next_position;

-- file: procedures/internal/refuse_limit.sql (dropped)
drop function if exists seckill_private.refuse_limit;

-- file: procedures/internal/refuse_stock.sql (dropped)
drop function if exists seckill_private.refuse_stock;

-- file: procedures/internal/refuse_sale.sql (dropped)
drop function if exists seckill_private.refuse_sale;

-- file: procedures/internal/limit_usage_of.sql (dropped)
drop function if exists seckill_private.limit_usage_of;

-- file: procedures/internal/window_of.sql (dropped)
drop function if exists seckill_private.window_of;

-- file: procedures/internal/midnight.sql (dropped)
drop function if exists seckill_private.midnight;

-- file: procedures/internal/ledger_of.sql (dropped)
drop function if exists seckill_private.ledger_of;

-- file: procedures/internal/read_reservation.sql (dropped)
drop function if exists seckill_private.read_reservation;

-- file: procedures/internal/show_reservation.sql (dropped)
drop function if exists seckill_private.show_reservation;

-- file: procedures/internal/unit_lines.sql (dropped)
drop function if exists seckill_private.unit_lines;

-- file: procedures/internal/lines_of.sql (dropped)
drop function if exists seckill_private.lines_of;

-- file: procedures/internal/state_at.sql (dropped)
drop function if exists seckill_private.state_at;

-- file: procedures/internal/pool_balance.sql (dropped)
drop function if exists seckill_private.pool_balance;

-- file: procedures/internal/first_expiry.sql (dropped)
drop function if exists seckill_private.first_expiry;

-- file: procedures/internal/due_units.sql (dropped)
drop function if exists seckill_private.due_units;

-- file: procedures/internal/find_pool.sql (dropped)
drop function if exists seckill_private.find_pool;

-- file: procedures/internal/sale_status.sql (dropped)
drop function if exists seckill_private.sale_status;

-- file: procedures/internal/load_sale.sql (dropped)
drop function if exists seckill_private.load_sale;

-- file: procedures/internal/now_at.sql (dropped)
drop function if exists seckill_private.now_at;

-- file: procedures/internal/ensure_durable.sql (dropped)
drop function if exists seckill_private.ensure_durable;

-- file: procedures/internal/begin_write.sql (dropped)
drop function if exists seckill_private.begin_write;

-- file: procedures/internal/commit_durably.sql (dropped)
drop function if exists seckill_private.commit_durably;

-- file: procedures/internal/lock_subject.sql (dropped)
drop function if exists seckill_private.lock_subject;

-- file: procedures/internal/subject_digests.sql (dropped)
drop function if exists seckill_private.subject_digests;

-- file: procedures/internal/dimension_tag.sql (dropped)
drop function if exists seckill_private.dimension_tag;

-- file: procedures/internal/normalize_subject.sql (dropped)
drop function if exists seckill_private.normalize_subject;

-- file: procedures/internal/next_reservation_id.sql (dropped)
drop function if exists seckill_private.next_reservation_id;

-- file: procedures/internal/activity_of.sql (dropped)
drop function if exists seckill_private.activity_of;

-- file: procedures/internal/buyer_key.sql (dropped)
drop function if exists seckill_private.buyer_key;

-- file: procedures/internal/shard.sql (dropped)
drop function if exists seckill_private.shard;

-- file: procedures/internal/validate_request.sql (dropped)
drop function if exists seckill_private.validate_request;

-- file: procedures/internal/validate_buyer.sql (dropped)
drop function if exists seckill_private.validate_buyer;

-- file: procedures/internal/require_time_zone.sql (dropped)
drop function if exists seckill_private.require_time_zone;

-- file: procedures/internal/require_request_id.sql (dropped)
drop function if exists seckill_private.require_request_id;

-- file: procedures/internal/require_limit.sql (dropped)
drop function if exists seckill_private.require_limit;

-- file: procedures/internal/require_units.sql (dropped)
drop function if exists seckill_private.require_units;

-- file: procedures/internal/optional_text.sql (dropped)
drop function if exists seckill_private.optional_text;

-- file: procedures/internal/require_text.sql (dropped)
drop function if exists seckill_private.require_text;

-- file: procedures/internal/raise_error.sql (dropped)
drop function if exists seckill_private.raise_error;

-- end of files

reset role;
