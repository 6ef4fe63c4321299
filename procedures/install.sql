-- All functions and views, in the order in which they can be created: bodies of SQL functions are
-- bound when they are made, so what they call stands before them.
--
--   psql -v ON_ERROR_STOP=1 -c 'set role seckill_owner' -f procedures/install.sql
--
-- is for development only. A database gets its functions from a revision (migrations/README.md).

-- Errors, and the arguments every call refuses
\ir internal/raise_error.sql
\ir internal/fault_in_text.sql
\ir internal/require_text.sql
\ir internal/optional_text.sql
\ir internal/require_units.sql
\ir internal/require_slots.sql
\ir internal/require_limit.sql
\ir internal/require_request_id.sql
\ir internal/require_time_zone.sql
\ir internal/validate_buyer.sql
\ir internal/fault_in_line.sql
\ir internal/is_sound.sql
\ir internal/fault_in_buyer.sql
\ir internal/fault_in_request.sql
\ir internal/validate_request.sql
\ir internal/merge_lines.sql

-- Keys, locks, time, durability
\ir internal/shard.sql
\ir internal/buyer_key.sql
\ir internal/activity_of.sql
\ir internal/next_reservation_id.sql
\ir internal/normalize_subject.sql
\ir internal/fault_in_subjects.sql
\ir internal/dimension_tag.sql
\ir internal/subject_digest.sql
\ir internal/subject_digests.sql
\ir internal/user_digest.sql
\ir internal/digest_of.sql
\ir internal/lock_key.sql
\ir internal/lock_subject.sql
\ir internal/lock_buyers.sql
\ir internal/lock_digests.sql
\ir internal/commit_durably.sql
\ir internal/begin_write.sql
\ir internal/ensure_durable.sql
\ir internal/now_at.sql

-- What stands: activities, pools, reservations, the ledger
\ir internal/find_sale.sql
\ir internal/load_sale.sql
\ir internal/is_on_sale.sql
\ir internal/sale_status.sql
\ir internal/pools_of_lines.sql
\ir internal/find_pools.sql
\ir internal/find_pool.sql
\ir internal/due_units.sql
\ir internal/first_expiry.sql
\ir internal/due_releases.sql
\ir internal/next_release.sql
\ir internal/short_pools.sql
\ir internal/available_of.sql
\ir internal/pool_balance.sql
\ir internal/state_at.sql
\ir internal/lines_of.sql
\ir internal/added.sql
\ir internal/remaining.sql
\ir internal/unit_lines.sql
\ir internal/show_reservation.sql
\ir internal/read_reservation.sql
\ir internal/ledger_of.sql
\ir internal/activity_at.sql

-- Rules that refuse
\ir internal/sale_check.sql
\ir internal/stock_returns.sql
\ir internal/judge_stock.sql
\ir internal/stock_check.sql
\ir internal/list_checks.sql
\ir internal/gate_checks.sql
\ir internal/midnight.sql
\ir internal/hour_of.sql
\ir internal/window_of.sql
\ir internal/pools_of_sku.sql
\ir internal/covered_lines.sql
\ir internal/covered_units.sql
\ir internal/crosses_activities.sql
\ir internal/subject_keys.sql
\ir internal/reservations_of.sql
\ir internal/counted.sql
\ir internal/leaves_at.sql
\ir internal/rolling_peak.sql
\ir internal/limit_use_of.sql
\ir internal/wanted_lines.sql
\ir internal/wanted.sql
\ir internal/limit_check.sql
\ir internal/reservation_at.sql
\ir internal/limits_at.sql
\ir internal/usage_at.sql
\ir internal/limit_checks.sql
\ir internal/missing_dimension.sql
\ir internal/require_dimension.sql
\ir internal/decide.sql
\ir internal/refusal.sql

-- Units that move
\ir internal/refuse_archived.sql
\ir internal/next_position.sql
\ir internal/moved.sql
\ir internal/move_inventory.sql
\ir internal/require_inventory.sql
\ir internal/move_inventories.sql
\ir internal/pay_debt.sql
\ir internal/shift_units.sql
\ir internal/level_slots.sql
\ir internal/gather_units.sql
\ir internal/lock_returns.sql
\ir internal/spread_units.sql
\ir internal/available_lines.sql
\ir internal/post_movements.sql
\ir internal/lock_slots.sql
\ir internal/lock_stock.sql
\ir internal/scheduled_by.sql
\ir internal/pool_at.sql
\ir internal/pick_due_holds.sql
\ir internal/pick_short.sql
\ir internal/release_due.sql
\ir internal/settle_short.sql
\ir internal/lock_units.sql
\ir internal/hold_units.sql
\ir internal/take_free.sql
\ir internal/lock_rest.sql
\ir internal/take_slots.sql
\ir internal/take_units.sql
\ir internal/level_positions.sql
\ir internal/refresh_next_expiry.sql
\ir internal/free_activities.sql
\ir internal/expire_due_at.sql

-- The life of a reservation
\ir internal/same_request.sql
\ir internal/request_row.sql
\ir internal/find_request.sql
\ir internal/replay.sql
\ir internal/answer_again.sql
\ir internal/enter_queue.sql
\ir internal/write_hold.sql
\ir internal/take_hold.sql
\ir internal/request_error.sql
\ir internal/raise_request_error.sql
\ir internal/look_at_line.sql
\ir internal/answer_newcomer.sql
\ir internal/reserve_one.sql
\ir internal/reserve_at.sql
\ir internal/read_requests.sql
\ir internal/sales_of.sql
\ir internal/lock_all_digests.sql
\ir internal/pools_of_batch.sql
\ir internal/mark_within.sql
\ir internal/mark_plain.sql
\ir internal/grant_plain.sql
\ir internal/settle_batch.sql
\ir internal/reserve_batch_at.sql
\ir internal/show_check.sql
\ir internal/explain_at.sql
\ir internal/usage_checks_at.sql
\ir internal/lock_reservation.sql
\ir internal/resolve_reservation.sql
\ir internal/settle_reservation.sql
\ir internal/record_event.sql
\ir internal/record_payment.sql
\ir internal/lock_available.sql
\ir internal/late_check.sql
\ir internal/confirm_late.sql
\ir internal/confirm_locked.sql
\ir internal/confirm_at.sql
\ir internal/now_of_rows.sql
\ir internal/lock_reservations.sql
\ir internal/fault_in_payment.sql
\ir internal/confirm_held.sql
\ir internal/confirm_batch_at.sql
\ir internal/cancel_at.sql
\ir internal/validate_refund.sql
\ir internal/asked_lines.sql
\ir internal/refund_units.sql
\ir internal/find_refund.sql
\ir internal/take_refund.sql
\ir internal/refund_at.sql

-- Running a sale
\ir internal/lock_activity.sql
\ir internal/ops_replay.sql
\ir internal/ops_record.sql
\ir internal/ops_repeat.sql
\ir internal/validate_activity.sql
\ir internal/ensure_partition.sql
\ir internal/drop_partition.sql
\ir internal/delete_activity.sql
\ir internal/limit_that_counts.sql
\ir internal/archived_part.sql
\ir internal/archived_page.sql
\ir internal/add_slots.sql
\ir internal/ensure_pool.sql
\ir internal/change_state.sql
\ir internal/return_unsold.sql
\ir internal/lock_rules.sql
\ir internal/slots_of.sql
\ir internal/settle_pool.sql
\ir internal/cut_available.sql
\ir internal/cut_unreleased.sql
\ir internal/revoke_holds.sql
\ir internal/owe_units.sql
\ir internal/lower_total.sql
\ir internal/raise_total.sql
\ir internal/set_stock_total_at.sql
\ir internal/validate_limit.sql
\ir internal/limit_stands.sql
\ir internal/end_limit.sql
\ir internal/newcomer_units.sql
\ir internal/note_rules.sql
\ir internal/note_dimension.sql
\ir internal/change_list.sql
\ir internal/move_units.sql
\ir internal/validate_releases.sql
\ir internal/releases_stand.sql
\ir internal/set_releases.sql

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
\ir internal/use_events.sql
\ir internal/limit_events.sql
\ir internal/check_rules.sql
\ir internal/check_limits.sql

-- Public: buying
\ir buying/reserve.sql
\ir buying/reserve_lines.sql
\ir buying/reserve_batch.sql
\ir buying/reserve_now.sql
\ir buying/explain.sql
\ir buying/limit_usage.sql
\ir buying/confirm.sql
\ir buying/cancel.sql
\ir buying/refund.sql
\ir buying/confirm_batch.sql
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
\ir running/set_stock_total.sql
\ir running/set_limit.sql
\ir running/drop_limit.sql
\ir running/set_queue_limit.sql
\ir running/require_eligibility.sql
\ir running/add_eligible.sql
\ir running/remove_eligible.sql
\ir running/block.sql
\ir running/unblock.sql
\ir running/set_slots.sql
\ir running/move_stock.sql
\ir running/schedule_release.sql
\ir running/expire_due.sql
\ir running/archive_activity.sql
\ir running/export_activity.sql
\ir running/drop_archived.sql

-- Public: reading
\ir reading/shard_of.sql
\ir reading/schema_version.sql
\ir reading/contract_version.sql
\ir reading/inventory.sql
\ir reading/history.sql
\ir reading/stock_at.sql
\ir reading/limit_usage_at.sql
\ir reading/changes.sql
\ir reading/ops_history.sql
\ir reading/reconcile.sql

-- Public: views
\ir views/activity.sql
\ir views/limit_rule.sql
\ir views/pool.sql
\ir views/sale_status.sql
