-- All functions and views, in the order in which they can be created: bodies of SQL functions are
-- bound when they are made, so what they call stands before them.
--
--   psql -v ON_ERROR_STOP=1 -c 'set role seckill_owner' -f procedures/install.sql
--
-- is for development only. A database gets its functions from a revision (migrations/README.md).

-- Errors, and the arguments every call refuses
\ir internal/raise_error.sql
\ir internal/require_text.sql
\ir internal/optional_text.sql
\ir internal/require_units.sql
\ir internal/require_limit.sql
\ir internal/require_request_id.sql
\ir internal/require_time_zone.sql
\ir internal/validate_buyer.sql
\ir internal/validate_request.sql

-- Keys, locks, time, durability
\ir internal/shard.sql
\ir internal/buyer_key.sql
\ir internal/activity_of.sql
\ir internal/next_reservation_id.sql
\ir internal/normalize_subject.sql
\ir internal/dimension_tag.sql
\ir internal/subject_digests.sql
\ir internal/lock_subject.sql
\ir internal/commit_durably.sql
\ir internal/begin_write.sql
\ir internal/ensure_durable.sql
\ir internal/now_at.sql

-- What stands: activities, pools, reservations, the ledger
\ir internal/load_sale.sql
\ir internal/sale_status.sql
\ir internal/find_pool.sql
\ir internal/due_units.sql
\ir internal/first_expiry.sql
\ir internal/pool_balance.sql
\ir internal/state_at.sql
\ir internal/lines_of.sql
\ir internal/unit_lines.sql
\ir internal/show_reservation.sql
\ir internal/read_reservation.sql
\ir internal/ledger_of.sql

-- Rules that refuse
\ir internal/midnight.sql
\ir internal/window_of.sql
\ir internal/limit_usage_of.sql
\ir internal/refuse_sale.sql
\ir internal/refuse_stock.sql
\ir internal/refuse_limit.sql

-- Units that move
\ir internal/next_position.sql
\ir internal/moved.sql
\ir internal/move_inventory.sql
\ir internal/post_movements.sql
\ir internal/hold_units.sql
\ir internal/hold_position.sql
\ir internal/expire_holds.sql
\ir internal/refresh_next_expiry.sql
\ir internal/expire_due_at.sql

-- The life of a reservation
\ir internal/same_request.sql
\ir internal/replay.sql
\ir internal/take_hold.sql
\ir internal/reserve_at.sql
\ir internal/lock_reservation.sql
\ir internal/resolve_reservation.sql
\ir internal/settle_reservation.sql
\ir internal/record_event.sql
\ir internal/record_payment.sql
\ir internal/lock_available.sql
\ir internal/confirm_late.sql
\ir internal/confirm_at.sql
\ir internal/cancel_at.sql

-- Running a sale
\ir internal/lock_activity.sql
\ir internal/ops_replay.sql
\ir internal/ops_record.sql
\ir internal/ops_repeat.sql
\ir internal/validate_activity.sql
\ir internal/ensure_partition.sql
\ir internal/ensure_pool.sql
\ir internal/change_state.sql
\ir internal/return_unsold.sql
\ir internal/validate_limit.sql
\ir internal/limit_stands.sql
\ir internal/end_limit.sql

-- Proof of the books
\ir internal/sees_buyers.sql
\ir internal/feed_cursor.sql
\ir internal/feed_place.sql
\ir internal/feed_horizon.sql
\ir internal/rebase_feed.sql
\ir internal/feed_rows.sql
\ir internal/check_slots.sql
\ir internal/check_inventory.sql
\ir internal/check_reservations.sql
\ir internal/check_limits.sql

-- Public: buying
\ir buying/reserve.sql
\ir buying/confirm.sql
\ir buying/cancel.sql
\ir buying/availability.sql
\ir buying/get_reservation.sql
\ir buying/find_reservation.sql
\ir buying/list_reservations.sql

-- Public: running a sale
\ir running/create_activity.sql
\ir running/update_activity.sql
\ir running/open_activity.sql
\ir running/pause_activity.sql
\ir running/resume_activity.sql
\ir running/close_activity.sql
\ir running/receive_stock.sql
\ir running/allocate_stock.sql
\ir running/set_limit.sql
\ir running/drop_limit.sql
\ir running/expire_due.sql

-- Public: reading
\ir reading/shard_of.sql
\ir reading/schema_version.sql
\ir reading/inventory.sql
\ir reading/history.sql
\ir reading/changes.sql
\ir reading/reconcile.sql

-- Public: views
\ir views/activity.sql
\ir views/limit_rule.sql
\ir views/pool.sql
\ir views/sale_status.sql
