-- All functions and views, in the order in which they can be created: bodies of SQL functions are
-- bound when they are made, so what they call stands before them.
--
--   psql -v ON_ERROR_STOP=1 -c 'set role seckill_owner' -f procedures/install.sql
--
-- is for development only. A database gets its functions from a revision (migrations/README.md).

-- Errors, and the arguments that calls refuse
\ir internal/arguments/raise_error.sql
\ir internal/arguments/fault_in_text.sql
\ir internal/arguments/require_text.sql
\ir internal/arguments/optional_text.sql
\ir internal/arguments/require_units.sql
\ir internal/arguments/require_slots.sql
\ir internal/arguments/require_limit.sql
\ir internal/arguments/require_request_id.sql
\ir internal/arguments/require_time_zone.sql
\ir internal/arguments/validate_buyer.sql
\ir internal/arguments/fault_in_line.sql
\ir internal/arguments/is_sound.sql
\ir internal/arguments/fault_in_buyer.sql
\ir internal/arguments/fault_in_request.sql
\ir internal/arguments/validate_request.sql
\ir internal/arguments/merge_lines.sql
\ir internal/arguments/fault_in_subjects.sql
\ir internal/arguments/validate_activity.sql
\ir internal/arguments/validate_limit.sql

-- Who buys: keys and digests of users, phones, addresses; lists of them
\ir internal/subjects/shard.sql
\ir internal/subjects/buyer_key.sql
\ir internal/subjects/normalize_subject.sql
\ir internal/subjects/dimension_tag.sql
\ir internal/subjects/subject_digest.sql
\ir internal/subjects/subject_digests.sql
\ir internal/subjects/user_digest.sql
\ir internal/subjects/digest_of.sql
\ir internal/subjects/list_checks.sql
\ir internal/subjects/note_dimension.sql
\ir internal/subjects/change_list.sql

-- What frames a call that writes: durability, the clock, locks on subjects
\ir internal/transactions/lock_key.sql
\ir internal/transactions/lock_subject.sql
\ir internal/transactions/lock_buyers.sql
\ir internal/transactions/lock_digests.sql
\ir internal/transactions/commit_durably.sql
\ir internal/transactions/begin_write.sql
\ir internal/transactions/ensure_durable.sql
\ir internal/transactions/now_at.sql

-- The sale: its state, its rules and their revisions, repeated ops calls
\ir internal/activities/find_sale.sql
\ir internal/activities/raise_unknown_activity.sql
\ir internal/activities/load_sale.sql
\ir internal/activities/is_on_sale.sql
\ir internal/activities/sale_status.sql
\ir internal/activities/activity_at.sql
\ir internal/activities/sale_check.sql
\ir internal/activities/refuse_archived.sql
\ir internal/activities/lock_activity.sql
\ir internal/activities/ops_replay.sql
\ir internal/activities/ops_record.sql
\ir internal/activities/ops_repeat.sql
\ir internal/activities/change_state.sql
\ir internal/activities/lock_rules.sql
\ir internal/activities/newcomer_units.sql
\ir internal/activities/note_rules.sql

-- Limits: windows, what a subject has used, whether one more fits
\ir internal/limits/require_dimension.sql
\ir internal/limits/missing_dimension.sql
\ir internal/limits/midnight.sql
\ir internal/limits/hour_of.sql
\ir internal/limits/window_of.sql
\ir internal/limits/pools_of_sku.sql
\ir internal/limits/covered_lines.sql
\ir internal/limits/covered_units.sql
\ir internal/limits/crosses_activities.sql
\ir internal/limits/subject_keys.sql
\ir internal/limits/reservations_of.sql
\ir internal/limits/counted.sql
\ir internal/limits/leaves_window.sql
\ir internal/limits/leaves_at.sql
\ir internal/limits/rolling_peak.sql
\ir internal/limits/limit_use_of.sql
\ir internal/limits/wanted_lines.sql
\ir internal/limits/wanted.sql
\ir internal/limits/limit_check.sql
\ir internal/limits/limits_at.sql
\ir internal/limits/usage_at.sql
\ir internal/limits/limit_checks.sql
\ir internal/limits/usage_checks_at.sql
\ir internal/limits/limit_that_counts.sql
\ir internal/limits/limit_stands.sql
\ir internal/limits/end_limit.sql

-- Units: pools, the inventory, every movement between them
\ir internal/stock/return_unsold.sql
\ir internal/stock/pools_of_lines.sql
\ir internal/stock/find_pools.sql
\ir internal/stock/find_pool.sql
\ir internal/stock/short_pools.sql
\ir internal/stock/available_of.sql
\ir internal/stock/pool_balance.sql
\ir internal/stock/stock_returns.sql
\ir internal/stock/stock_check.sql
\ir internal/stock/next_position.sql
\ir internal/stock/moved.sql
\ir internal/stock/move_inventory.sql
\ir internal/stock/require_inventory.sql
\ir internal/stock/move_inventories.sql
\ir internal/stock/pay_debt.sql
\ir internal/stock/lock_returns.sql
\ir internal/stock/spread_units.sql
\ir internal/stock/available_lines.sql
\ir internal/stock/post_movements.sql
\ir internal/stock/lock_stock.sql
\ir internal/stock/pool_at.sql
\ir internal/stock/lock_units.sql
\ir internal/stock/hold_units.sql
\ir internal/stock/take_units.sql
\ir internal/stock/level_positions.sql
\ir internal/stock/ensure_pool.sql
\ir internal/stock/slots_of.sql
\ir internal/stock/cut_available.sql
\ir internal/stock/cut_unreleased.sql
\ir internal/stock/revoke_holds.sql
\ir internal/stock/owe_units.sql
\ir internal/stock/lower_total.sql
\ir internal/stock/raise_total.sql
\ir internal/stock/set_stock_total_at.sql
\ir internal/stock/move_units.sql

-- Pools of several rows
\ir internal/slots/shift_units.sql
\ir internal/slots/level_slots.sql
\ir internal/slots/gather_units.sql
\ir internal/slots/lock_slots.sql
\ir internal/slots/take_free.sql
\ir internal/slots/lock_rest.sql
\ir internal/slots/take_slots.sql
\ir internal/slots/add_slots.sql

-- Units that come back by the clock: ended holds, scheduled releases
\ir internal/returns/validate_releases.sql
\ir internal/returns/settle_pool.sql
\ir internal/returns/due_units.sql
\ir internal/returns/first_expiry.sql
\ir internal/returns/due_releases.sql
\ir internal/returns/next_release.sql
\ir internal/returns/last_schedule.sql
\ir internal/returns/scheduled_by.sql
\ir internal/returns/pick_due_holds.sql
\ir internal/returns/pick_short.sql
\ir internal/returns/release_due.sql
\ir internal/returns/settle_short.sql
\ir internal/returns/refresh_next_expiry.sql
\ir internal/returns/free_activities.sql
\ir internal/returns/expire_due_at.sql
\ir internal/returns/releases_stand.sql
\ir internal/returns/set_releases.sql

-- A reservation: its id, its lines, what it was at any instant, its repeats
\ir internal/reservations/activity_of.sql
\ir internal/reservations/next_reservation_id.sql
\ir internal/reservations/state_at.sql
\ir internal/reservations/lines_of.sql
\ir internal/reservations/added.sql
\ir internal/reservations/remaining.sql
\ir internal/reservations/unit_lines.sql
\ir internal/reservations/show_reservation.sql
\ir internal/reservations/read_reservation.sql
\ir internal/reservations/reservation_at.sql
\ir internal/reservations/same_request.sql
\ir internal/reservations/request_row.sql
\ir internal/reservations/find_request.sql
\ir internal/reservations/replay.sql
\ir internal/reservations/answer_again.sql

-- The decision: may this buyer have these units?
\ir internal/purchases/request_error.sql
\ir internal/purchases/raise_request_error.sql
\ir internal/purchases/gate_checks.sql
\ir internal/purchases/decide.sql
\ir internal/purchases/refusal.sql
\ir internal/purchases/enter_queue.sql
\ir internal/purchases/write_hold.sql
\ir internal/purchases/take_hold.sql
\ir internal/purchases/look_at_line.sql
\ir internal/purchases/answer_newcomer.sql
\ir internal/purchases/reserve_one.sql
\ir internal/purchases/reserve_at.sql
\ir internal/purchases/show_check.sql
\ir internal/purchases/explain_at.sql

-- The same for many buyers at once
\ir internal/batches/lock_all_digests.sql
\ir internal/batches/read_requests.sql
\ir internal/batches/sales_of.sql
\ir internal/batches/pools_of_batch.sql
\ir internal/batches/mark_within.sql
\ir internal/batches/mark_plain.sql
\ir internal/batches/grant_plain.sql
\ir internal/batches/settle_batch.sql
\ir internal/batches/reserve_batch_at.sql

-- What becomes of a hold: paid, cancelled, refunded
\ir internal/payments/fault_in_payment.sql
\ir internal/payments/validate_refund.sql
\ir internal/payments/now_of_rows.sql
\ir internal/payments/late_check.sql
\ir internal/payments/asked_lines.sql
\ir internal/payments/lock_reservation.sql
\ir internal/payments/resolve_reservation.sql
\ir internal/payments/settle_reservation.sql
\ir internal/payments/record_event.sql
\ir internal/payments/record_payment.sql
\ir internal/payments/lock_available.sql
\ir internal/payments/confirm_late.sql
\ir internal/payments/confirm_locked.sql
\ir internal/payments/confirm_at.sql
\ir internal/payments/lock_reservations.sql
\ir internal/payments/confirm_held.sql
\ir internal/payments/confirm_batch_at.sql
\ir internal/payments/cancel_at.sql
\ir internal/payments/refund_units.sql
\ir internal/payments/find_refund.sql
\ir internal/payments/take_refund.sql
\ir internal/payments/refund_at.sql

-- The ledger as a feed
\ir internal/history/ledger_of.sql
\ir internal/history/sees_buyers.sql
\ir internal/history/feed_cursor.sql
\ir internal/history/feed_place.sql
\ir internal/history/feed_horizon.sql
\ir internal/history/rebase_feed.sql
\ir internal/history/feed_rows.sql

-- Sales that are over
\ir internal/archive/ensure_partition.sql
\ir internal/archive/drop_partition.sql
\ir internal/archive/delete_activity.sql
\ir internal/archive/archived_part.sql
\ir internal/archive/archived_page.sql

-- Proof of the books
\ir internal/proofs/check_slots.sql
\ir internal/proofs/check_inventory.sql
\ir internal/proofs/check_reservations.sql
\ir internal/proofs/use_events.sql
\ir internal/proofs/limit_events.sql
\ir internal/proofs/check_rules.sql
\ir internal/proofs/check_limits.sql

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
