-- Frozen from procedures/ by migrations/freeze.py. Never edited: a database that runs this
-- revision in ten years gets what the first one got.

set local lock_timeout = '3s';
set local search_path = pg_catalog, pg_temp;
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

-- file: procedures/reading/ops_history.sql (dropped)
drop function if exists seckill.ops_history;

-- file: procedures/reading/changes.sql (dropped)
drop function if exists seckill.changes;

-- file: procedures/reading/limit_usage_at.sql (dropped)
drop function if exists seckill.limit_usage_at;

-- file: procedures/reading/stock_at.sql (dropped)
drop function if exists seckill.stock_at;

-- file: procedures/reading/history.sql (dropped)
drop function if exists seckill.history;

-- file: procedures/reading/inventory.sql (dropped)
drop function if exists seckill.inventory;

-- file: procedures/reading/contract_version.sql (dropped)
drop function if exists seckill.contract_version;

-- file: procedures/reading/schema_version.sql (dropped)
drop function if exists seckill.schema_version;

-- file: procedures/reading/shard_of.sql (dropped)
drop function if exists seckill.shard_of;

-- file: procedures/running/drop_archived.sql (dropped)
drop function if exists seckill.drop_archived;

-- file: procedures/running/export_activity.sql (dropped)
drop function if exists seckill.export_activity;

-- file: procedures/running/archive_activity.sql (dropped)
drop function if exists seckill.archive_activity;

-- file: procedures/running/expire_due.sql (dropped)
drop function if exists seckill.expire_due;

-- file: procedures/running/schedule_release.sql (dropped)
drop function if exists seckill.schedule_release;

-- file: procedures/running/move_stock.sql (dropped)
drop function if exists seckill.move_stock;

-- file: procedures/running/set_slots.sql (dropped)
drop function if exists seckill.set_slots;

-- file: procedures/running/unblock.sql (dropped)
drop function if exists seckill.unblock;

-- file: procedures/running/block.sql (dropped)
drop function if exists seckill.block;

-- file: procedures/running/remove_eligible.sql (dropped)
drop function if exists seckill.remove_eligible;

-- file: procedures/running/add_eligible.sql (dropped)
drop function if exists seckill.add_eligible;

-- file: procedures/running/require_eligibility.sql (dropped)
drop function if exists seckill.require_eligibility;

-- file: procedures/running/set_queue_limit.sql (dropped)
drop function if exists seckill.set_queue_limit;

-- file: procedures/running/drop_limit.sql (dropped)
drop function if exists seckill.drop_limit;

-- file: procedures/running/set_limit.sql (dropped)
drop function if exists seckill.set_limit;

-- file: procedures/running/set_stock_total.sql (dropped)
drop function if exists seckill.set_stock_total;

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

-- file: procedures/buying/confirm_batch.sql (dropped)
drop function if exists seckill.confirm_batch;

-- file: procedures/buying/refund.sql (dropped)
drop function if exists seckill.refund;

-- file: procedures/buying/cancel.sql (dropped)
drop function if exists seckill.cancel;

-- file: procedures/buying/confirm.sql (dropped)
drop function if exists seckill.confirm;

-- file: procedures/buying/limit_usage.sql (dropped)
drop function if exists seckill.limit_usage;

-- file: procedures/buying/explain.sql (dropped)
drop function if exists seckill.explain;

-- file: procedures/buying/reserve_now.sql (dropped)
drop procedure if exists seckill.reserve_now;

-- file: procedures/buying/reserve_batch.sql (dropped)
drop function if exists seckill.reserve_batch;

-- file: procedures/buying/reserve_lines.sql (dropped)
drop function if exists seckill.reserve_lines;

-- file: procedures/buying/reserve.sql (dropped)
drop function if exists seckill.reserve;

-- file: procedures/internal/proofs/check_limits.sql (dropped)
drop function if exists seckill_private.check_limits;

-- file: procedures/internal/proofs/check_rules.sql (dropped)
drop function if exists seckill_private.check_rules;

-- file: procedures/internal/proofs/limit_events.sql (dropped)
drop function if exists seckill_private.limit_events;

-- file: procedures/internal/proofs/use_events.sql (dropped)
drop function if exists seckill_private.use_events;

-- file: procedures/internal/proofs/check_reservations.sql (dropped)
drop function if exists seckill_private.check_reservations;

-- file: procedures/internal/proofs/check_inventory.sql (dropped)
drop function if exists seckill_private.check_inventory;

-- file: procedures/internal/proofs/check_slots.sql (dropped)
drop function if exists seckill_private.check_slots;

-- file: procedures/internal/archive/archived_page.sql (dropped)
drop function if exists seckill_private.archived_page;

-- file: procedures/internal/archive/archived_part.sql (dropped)
drop function if exists seckill_private.archived_part;

-- file: procedures/internal/archive/delete_activity.sql (dropped)
drop function if exists seckill_private.delete_activity;

-- file: procedures/internal/archive/drop_partition.sql (dropped)
drop function if exists seckill_private.drop_partition;

-- file: procedures/internal/archive/ensure_partition.sql (dropped)
drop function if exists seckill_private.ensure_partition;

-- file: procedures/internal/history/feed_rows.sql (dropped)
drop function if exists seckill_private.feed_rows;

-- file: procedures/internal/history/rebase_feed.sql (dropped)
drop function if exists seckill_private.rebase_feed;

-- file: procedures/internal/history/feed_horizon.sql (dropped)
drop function if exists seckill_private.feed_horizon;

-- file: procedures/internal/history/feed_place.sql (dropped)
drop function if exists seckill_private.feed_place;

-- file: procedures/internal/history/feed_cursor.sql (dropped)
drop function if exists seckill_private.feed_cursor;

-- file: procedures/internal/history/sees_buyers.sql (dropped)
drop function if exists seckill_private.sees_buyers;

-- file: procedures/internal/history/ledger_of.sql (dropped)
drop function if exists seckill_private.ledger_of;

-- file: procedures/internal/payments/refund_at.sql (dropped)
drop function if exists seckill_private.refund_at;

-- file: procedures/internal/payments/take_refund.sql (dropped)
drop function if exists seckill_private.take_refund;

-- file: procedures/internal/payments/find_refund.sql (dropped)
drop function if exists seckill_private.find_refund;

-- file: procedures/internal/payments/refund_units.sql (dropped)
drop function if exists seckill_private.refund_units;

-- file: procedures/internal/payments/cancel_at.sql (dropped)
drop function if exists seckill_private.cancel_at;

-- file: procedures/internal/payments/confirm_batch_at.sql (dropped)
drop function if exists seckill_private.confirm_batch_at;

-- file: procedures/internal/payments/confirm_held.sql (dropped)
drop function if exists seckill_private.confirm_held;

-- file: procedures/internal/payments/lock_reservations.sql (dropped)
drop function if exists seckill_private.lock_reservations;

-- file: procedures/internal/payments/confirm_at.sql (dropped)
drop function if exists seckill_private.confirm_at;

-- file: procedures/internal/payments/confirm_locked.sql (dropped)
drop function if exists seckill_private.confirm_locked;

-- file: procedures/internal/payments/confirm_late.sql (dropped)
drop function if exists seckill_private.confirm_late;

-- file: procedures/internal/payments/lock_available.sql (dropped)
drop function if exists seckill_private.lock_available;

-- file: procedures/internal/payments/record_payment.sql (dropped)
drop function if exists seckill_private.record_payment;

-- file: procedures/internal/payments/record_event.sql (dropped)
drop function if exists seckill_private.record_event;

-- file: procedures/internal/payments/settle_reservation.sql (dropped)
drop function if exists seckill_private.settle_reservation;

-- file: procedures/internal/payments/resolve_reservation.sql (dropped)
drop function if exists seckill_private.resolve_reservation;

-- file: procedures/internal/payments/lock_reservation.sql (dropped)
drop function if exists seckill_private.lock_reservation;

-- file: procedures/internal/payments/asked_lines.sql (dropped)
drop function if exists seckill_private.asked_lines;

-- file: procedures/internal/payments/late_check.sql (dropped)
drop function if exists seckill_private.late_check;

-- file: procedures/internal/payments/now_of_rows.sql (dropped)
drop function if exists seckill_private.now_of_rows;

-- file: procedures/internal/payments/validate_refund.sql (dropped)
drop function if exists seckill_private.validate_refund;

-- file: procedures/internal/payments/fault_in_payment.sql (dropped)
drop function if exists seckill_private.fault_in_payment;

-- file: procedures/internal/batches/reserve_batch_at.sql (dropped)
drop function if exists seckill_private.reserve_batch_at;

-- file: procedures/internal/batches/settle_batch.sql (dropped)
drop function if exists seckill_private.settle_batch;

-- file: procedures/internal/batches/grant_plain.sql (dropped)
drop function if exists seckill_private.grant_plain;

-- file: procedures/internal/batches/mark_plain.sql (dropped)
drop function if exists seckill_private.mark_plain;

-- file: procedures/internal/batches/mark_within.sql (dropped)
drop function if exists seckill_private.mark_within;

-- file: procedures/internal/batches/pools_of_batch.sql (dropped)
drop function if exists seckill_private.pools_of_batch;

-- file: procedures/internal/batches/sales_of.sql (dropped)
drop function if exists seckill_private.sales_of;

-- file: procedures/internal/batches/read_requests.sql (dropped)
drop function if exists seckill_private.read_requests;

-- file: procedures/internal/batches/lock_all_digests.sql (dropped)
drop function if exists seckill_private.lock_all_digests;

-- file: procedures/internal/purchases/explain_at.sql (dropped)
drop function if exists seckill_private.explain_at;

-- file: procedures/internal/purchases/show_check.sql (dropped)
drop function if exists seckill_private.show_check;

-- file: procedures/internal/purchases/reserve_at.sql (dropped)
drop function if exists seckill_private.reserve_at;

-- file: procedures/internal/purchases/reserve_one.sql (dropped)
drop function if exists seckill_private.reserve_one;

-- file: procedures/internal/purchases/answer_newcomer.sql (dropped)
drop function if exists seckill_private.answer_newcomer;

-- file: procedures/internal/purchases/look_at_line.sql (dropped)
drop function if exists seckill_private.look_at_line;

-- file: procedures/internal/purchases/take_hold.sql (dropped)
drop function if exists seckill_private.take_hold;

-- file: procedures/internal/purchases/write_hold.sql (dropped)
drop function if exists seckill_private.write_hold;

-- file: procedures/internal/purchases/enter_queue.sql (dropped)
drop function if exists seckill_private.enter_queue;

-- file: procedures/internal/purchases/refusal.sql (dropped)
drop function if exists seckill_private.refusal;

-- file: procedures/internal/purchases/decide.sql (dropped)
drop function if exists seckill_private.decide;

-- file: procedures/internal/purchases/gate_checks.sql (dropped)
drop function if exists seckill_private.gate_checks;

-- file: procedures/internal/purchases/raise_request_error.sql (dropped)
drop function if exists seckill_private.raise_request_error;

-- file: procedures/internal/purchases/request_error.sql (dropped)
drop function if exists seckill_private.request_error;

-- file: procedures/internal/reservations/answer_again.sql (dropped)
drop function if exists seckill_private.answer_again;

-- file: procedures/internal/reservations/replay.sql (dropped)
drop function if exists seckill_private.replay;

-- file: procedures/internal/reservations/find_request.sql (dropped)
drop function if exists seckill_private.find_request;

-- file: procedures/internal/reservations/request_row.sql (dropped)
drop function if exists seckill_private.request_row;

-- file: procedures/internal/reservations/same_request.sql (dropped)
drop function if exists seckill_private.same_request;

-- file: procedures/internal/reservations/reservation_at.sql (dropped)
drop function if exists seckill_private.reservation_at;

-- file: procedures/internal/reservations/read_reservation.sql (dropped)
drop function if exists seckill_private.read_reservation;

-- file: procedures/internal/reservations/show_reservation.sql (dropped)
drop function if exists seckill_private.show_reservation;

-- file: procedures/internal/reservations/unit_lines.sql (dropped)
drop function if exists seckill_private.unit_lines;

-- file: procedures/internal/reservations/remaining.sql (dropped)
drop function if exists seckill_private.remaining;

-- file: procedures/internal/reservations/added.sql (dropped)
drop function if exists seckill_private.added;

-- file: procedures/internal/reservations/lines_of.sql (dropped)
drop function if exists seckill_private.lines_of;

-- file: procedures/internal/reservations/state_at.sql (dropped)
drop function if exists seckill_private.state_at;

-- file: procedures/internal/reservations/next_reservation_id.sql (dropped)
drop function if exists seckill_private.next_reservation_id;

-- file: procedures/internal/reservations/activity_of.sql (dropped)
drop function if exists seckill_private.activity_of;

-- file: procedures/internal/returns/set_releases.sql (dropped)
drop function if exists seckill_private.set_releases;

-- file: procedures/internal/returns/releases_stand.sql (dropped)
drop function if exists seckill_private.releases_stand;

-- file: procedures/internal/returns/expire_due_at.sql (dropped)
drop function if exists seckill_private.expire_due_at;

-- file: procedures/internal/returns/free_activities.sql (dropped)
drop function if exists seckill_private.free_activities;

-- file: procedures/internal/returns/refresh_next_expiry.sql (dropped)
drop function if exists seckill_private.refresh_next_expiry;

-- file: procedures/internal/returns/settle_short.sql (dropped)
drop function if exists seckill_private.settle_short;

-- file: procedures/internal/returns/release_due.sql (dropped)
drop function if exists seckill_private.release_due;

-- file: procedures/internal/returns/pick_short.sql (dropped)
drop function if exists seckill_private.pick_short;

-- file: procedures/internal/returns/pick_due_holds.sql (dropped)
drop function if exists seckill_private.pick_due_holds;

-- file: procedures/internal/returns/scheduled_by.sql (dropped)
drop function if exists seckill_private.scheduled_by;

-- file: procedures/internal/returns/last_schedule.sql (dropped)
drop function if exists seckill_private.last_schedule;

-- file: procedures/internal/returns/next_release.sql (dropped)
drop function if exists seckill_private.next_release;

-- file: procedures/internal/returns/due_releases.sql (dropped)
drop function if exists seckill_private.due_releases;

-- file: procedures/internal/returns/first_expiry.sql (dropped)
drop function if exists seckill_private.first_expiry;

-- file: procedures/internal/returns/due_units.sql (dropped)
drop function if exists seckill_private.due_units;

-- file: procedures/internal/returns/settle_pool.sql (dropped)
drop function if exists seckill_private.settle_pool;

-- file: procedures/internal/returns/validate_releases.sql (dropped)
drop function if exists seckill_private.validate_releases;

-- file: procedures/internal/slots/add_slots.sql (dropped)
drop function if exists seckill_private.add_slots;

-- file: procedures/internal/slots/take_slots.sql (dropped)
drop function if exists seckill_private.take_slots;

-- file: procedures/internal/slots/lock_rest.sql (dropped)
drop function if exists seckill_private.lock_rest;

-- file: procedures/internal/slots/take_free.sql (dropped)
drop function if exists seckill_private.take_free;

-- file: procedures/internal/slots/lock_slots.sql (dropped)
drop function if exists seckill_private.lock_slots;

-- file: procedures/internal/slots/gather_units.sql (dropped)
drop function if exists seckill_private.gather_units;

-- file: procedures/internal/slots/level_slots.sql (dropped)
drop function if exists seckill_private.level_slots;

-- file: procedures/internal/slots/shift_units.sql (dropped)
drop function if exists seckill_private.shift_units;

-- file: procedures/internal/stock/move_units.sql (dropped)
drop function if exists seckill_private.move_units;

-- file: procedures/internal/stock/set_stock_total_at.sql (dropped)
drop function if exists seckill_private.set_stock_total_at;

-- file: procedures/internal/stock/raise_total.sql (dropped)
drop function if exists seckill_private.raise_total;

-- file: procedures/internal/stock/lower_total.sql (dropped)
drop function if exists seckill_private.lower_total;

-- file: procedures/internal/stock/owe_units.sql (dropped)
drop function if exists seckill_private.owe_units;

-- file: procedures/internal/stock/revoke_holds.sql (dropped)
drop function if exists seckill_private.revoke_holds;

-- file: procedures/internal/stock/cut_unreleased.sql (dropped)
drop function if exists seckill_private.cut_unreleased;

-- file: procedures/internal/stock/cut_available.sql (dropped)
drop function if exists seckill_private.cut_available;

-- file: procedures/internal/stock/slots_of.sql (dropped)
drop function if exists seckill_private.slots_of;

-- file: procedures/internal/stock/ensure_pool.sql (dropped)
drop function if exists seckill_private.ensure_pool;

-- file: procedures/internal/stock/level_positions.sql (dropped)
drop function if exists seckill_private.level_positions;

-- file: procedures/internal/stock/take_units.sql (dropped)
drop function if exists seckill_private.take_units;

-- file: procedures/internal/stock/hold_units.sql (dropped)
drop function if exists seckill_private.hold_units;

-- file: procedures/internal/stock/lock_units.sql (dropped)
drop function if exists seckill_private.lock_units;

-- file: procedures/internal/stock/pool_at.sql (dropped)
drop function if exists seckill_private.pool_at;

-- file: procedures/internal/stock/lock_stock.sql (dropped)
drop function if exists seckill_private.lock_stock;

-- file: procedures/internal/stock/post_movements.sql (dropped)
drop function if exists seckill_private.post_movements;

-- file: procedures/internal/stock/available_lines.sql (dropped)
drop function if exists seckill_private.available_lines;

-- file: procedures/internal/stock/spread_units.sql (dropped)
drop function if exists seckill_private.spread_units;

-- file: procedures/internal/stock/lock_returns.sql (dropped)
drop function if exists seckill_private.lock_returns;

-- file: procedures/internal/stock/pay_debt.sql (dropped)
drop function if exists seckill_private.pay_debt;

-- file: procedures/internal/stock/move_inventories.sql (dropped)
drop function if exists seckill_private.move_inventories;

-- file: procedures/internal/stock/require_inventory.sql (dropped)
drop function if exists seckill_private.require_inventory;

-- file: procedures/internal/stock/move_inventory.sql (dropped)
drop function if exists seckill_private.move_inventory;

-- file: procedures/internal/stock/moved.sql (dropped)
drop function if exists seckill_private.moved;

-- file: procedures/internal/stock/next_position.sql (dropped)
drop function if exists seckill_private.next_position;

-- file: procedures/internal/stock/stock_check.sql (dropped)
drop function if exists seckill_private.stock_check;

-- file: procedures/internal/stock/stock_returns.sql (dropped)
drop function if exists seckill_private.stock_returns;

-- file: procedures/internal/stock/pool_balance.sql (dropped)
drop function if exists seckill_private.pool_balance;

-- file: procedures/internal/stock/available_of.sql (dropped)
drop function if exists seckill_private.available_of;

-- file: procedures/internal/stock/short_pools.sql (dropped)
drop function if exists seckill_private.short_pools;

-- file: procedures/internal/stock/find_pool.sql (dropped)
drop function if exists seckill_private.find_pool;

-- file: procedures/internal/stock/find_pools.sql (dropped)
drop function if exists seckill_private.find_pools;

-- file: procedures/internal/stock/pools_of_lines.sql (dropped)
drop function if exists seckill_private.pools_of_lines;

-- file: procedures/internal/stock/return_unsold.sql (dropped)
drop function if exists seckill_private.return_unsold;

-- file: procedures/internal/limits/end_limit.sql (dropped)
drop function if exists seckill_private.end_limit;

-- file: procedures/internal/limits/limit_stands.sql (dropped)
drop function if exists seckill_private.limit_stands;

-- file: procedures/internal/limits/limit_that_counts.sql (dropped)
drop function if exists seckill_private.limit_that_counts;

-- file: procedures/internal/limits/usage_checks_at.sql (dropped)
drop function if exists seckill_private.usage_checks_at;

-- file: procedures/internal/limits/limit_checks.sql (dropped)
drop function if exists seckill_private.limit_checks;

-- file: procedures/internal/limits/usage_at.sql (dropped)
drop function if exists seckill_private.usage_at;

-- file: procedures/internal/limits/limits_at.sql (dropped)
drop function if exists seckill_private.limits_at;

-- file: procedures/internal/limits/limit_check.sql (dropped)
drop function if exists seckill_private.limit_check;

-- file: procedures/internal/limits/wanted.sql (dropped)
drop function if exists seckill_private.wanted;

-- file: procedures/internal/limits/wanted_lines.sql (dropped)
drop function if exists seckill_private.wanted_lines;

-- file: procedures/internal/limits/limit_use_of.sql (dropped)
drop function if exists seckill_private.limit_use_of;

-- file: procedures/internal/limits/rolling_peak.sql (dropped)
drop function if exists seckill_private.rolling_peak;

-- file: procedures/internal/limits/leaves_at.sql (dropped)
drop function if exists seckill_private.leaves_at;

-- file: procedures/internal/limits/leaves_window.sql (dropped)
drop function if exists seckill_private.leaves_window;

-- file: procedures/internal/limits/counted.sql (dropped)
drop function if exists seckill_private.counted;

-- file: procedures/internal/limits/reservations_of.sql (dropped)
drop function if exists seckill_private.reservations_of;

-- file: procedures/internal/limits/subject_keys.sql (dropped)
drop function if exists seckill_private.subject_keys;

-- file: procedures/internal/limits/crosses_activities.sql (dropped)
drop function if exists seckill_private.crosses_activities;

-- file: procedures/internal/limits/covered_units.sql (dropped)
drop function if exists seckill_private.covered_units;

-- file: procedures/internal/limits/covered_lines.sql (dropped)
drop function if exists seckill_private.covered_lines;

-- file: procedures/internal/limits/pools_of_sku.sql (dropped)
drop function if exists seckill_private.pools_of_sku;

-- file: procedures/internal/limits/window_of.sql (dropped)
drop function if exists seckill_private.window_of;

-- file: procedures/internal/limits/hour_of.sql (dropped)
drop function if exists seckill_private.hour_of;

-- file: procedures/internal/limits/midnight.sql (dropped)
drop function if exists seckill_private.midnight;

-- file: procedures/internal/limits/missing_dimension.sql (dropped)
drop function if exists seckill_private.missing_dimension;

-- file: procedures/internal/limits/require_dimension.sql (dropped)
drop function if exists seckill_private.require_dimension;

-- file: procedures/internal/activities/note_rules.sql (dropped)
drop function if exists seckill_private.note_rules;

-- file: procedures/internal/activities/newcomer_units.sql (dropped)
drop function if exists seckill_private.newcomer_units;

-- file: procedures/internal/activities/lock_rules.sql (dropped)
drop function if exists seckill_private.lock_rules;

-- file: procedures/internal/activities/change_state.sql (dropped)
drop function if exists seckill_private.change_state;

-- file: procedures/internal/activities/ops_repeat.sql (dropped)
drop function if exists seckill_private.ops_repeat;

-- file: procedures/internal/activities/ops_record.sql (dropped)
drop function if exists seckill_private.ops_record;

-- file: procedures/internal/activities/ops_replay.sql (dropped)
drop function if exists seckill_private.ops_replay;

-- file: procedures/internal/activities/lock_activity.sql (dropped)
drop function if exists seckill_private.lock_activity;

-- file: procedures/internal/activities/refuse_archived.sql (dropped)
drop function if exists seckill_private.refuse_archived;

-- file: procedures/internal/activities/sale_check.sql (dropped)
drop function if exists seckill_private.sale_check;

-- file: procedures/internal/activities/activity_at.sql (dropped)
drop function if exists seckill_private.activity_at;

-- file: procedures/internal/activities/sale_status.sql (dropped)
drop function if exists seckill_private.sale_status;

-- file: procedures/internal/activities/is_on_sale.sql (dropped)
drop function if exists seckill_private.is_on_sale;

-- file: procedures/internal/activities/load_sale.sql (dropped)
drop function if exists seckill_private.load_sale;

-- file: procedures/internal/activities/raise_unknown_activity.sql (dropped)
drop function if exists seckill_private.raise_unknown_activity;

-- file: procedures/internal/activities/find_sale.sql (dropped)
drop function if exists seckill_private.find_sale;

-- file: procedures/internal/transactions/now_at.sql (dropped)
drop function if exists seckill_private.now_at;

-- file: procedures/internal/transactions/ensure_durable.sql (dropped)
drop function if exists seckill_private.ensure_durable;

-- file: procedures/internal/transactions/begin_write.sql (dropped)
drop function if exists seckill_private.begin_write;

-- file: procedures/internal/transactions/commit_durably.sql (dropped)
drop function if exists seckill_private.commit_durably;

-- file: procedures/internal/transactions/lock_digests.sql (dropped)
drop function if exists seckill_private.lock_digests;

-- file: procedures/internal/transactions/lock_buyers.sql (dropped)
drop function if exists seckill_private.lock_buyers;

-- file: procedures/internal/transactions/lock_subject.sql (dropped)
drop function if exists seckill_private.lock_subject;

-- file: procedures/internal/transactions/lock_key.sql (dropped)
drop function if exists seckill_private.lock_key;

-- file: procedures/internal/subjects/change_list.sql (dropped)
drop function if exists seckill_private.change_list;

-- file: procedures/internal/subjects/note_dimension.sql (dropped)
drop function if exists seckill_private.note_dimension;

-- file: procedures/internal/subjects/list_checks.sql (dropped)
drop function if exists seckill_private.list_checks;

-- file: procedures/internal/subjects/digest_of.sql (dropped)
drop function if exists seckill_private.digest_of;

-- file: procedures/internal/subjects/user_digest.sql (dropped)
drop function if exists seckill_private.user_digest;

-- file: procedures/internal/subjects/subject_digests.sql (dropped)
drop function if exists seckill_private.subject_digests;

-- file: procedures/internal/subjects/subject_digest.sql (dropped)
drop function if exists seckill_private.subject_digest;

-- file: procedures/internal/subjects/dimension_tag.sql (dropped)
drop function if exists seckill_private.dimension_tag;

-- file: procedures/internal/subjects/normalize_subject.sql (dropped)
drop function if exists seckill_private.normalize_subject;

-- file: procedures/internal/subjects/buyer_key.sql (dropped)
drop function if exists seckill_private.buyer_key;

-- file: procedures/internal/subjects/shard.sql (dropped)
drop function if exists seckill_private.shard;

-- file: procedures/internal/arguments/validate_limit.sql (dropped)
drop function if exists seckill_private.validate_limit;

-- file: procedures/internal/arguments/validate_activity.sql (dropped)
drop function if exists seckill_private.validate_activity;

-- file: procedures/internal/arguments/fault_in_subjects.sql (dropped)
drop function if exists seckill_private.fault_in_subjects;

-- file: procedures/internal/arguments/merge_lines.sql (dropped)
drop function if exists seckill_private.merge_lines;

-- file: procedures/internal/arguments/validate_request.sql (dropped)
drop function if exists seckill_private.validate_request;

-- file: procedures/internal/arguments/fault_in_request.sql (dropped)
drop function if exists seckill_private.fault_in_request;

-- file: procedures/internal/arguments/fault_in_buyer.sql (dropped)
drop function if exists seckill_private.fault_in_buyer;

-- file: procedures/internal/arguments/is_sound.sql (dropped)
drop function if exists seckill_private.is_sound;

-- file: procedures/internal/arguments/fault_in_line.sql (dropped)
drop function if exists seckill_private.fault_in_line;

-- file: procedures/internal/arguments/validate_buyer.sql (dropped)
drop function if exists seckill_private.validate_buyer;

-- file: procedures/internal/arguments/require_time_zone.sql (dropped)
drop function if exists seckill_private.require_time_zone;

-- file: procedures/internal/arguments/require_request_id.sql (dropped)
drop function if exists seckill_private.require_request_id;

-- file: procedures/internal/arguments/require_limit.sql (dropped)
drop function if exists seckill_private.require_limit;

-- file: procedures/internal/arguments/require_slots.sql (dropped)
drop function if exists seckill_private.require_slots;

-- file: procedures/internal/arguments/require_units.sql (dropped)
drop function if exists seckill_private.require_units;

-- file: procedures/internal/arguments/optional_text.sql (dropped)
drop function if exists seckill_private.optional_text;

-- file: procedures/internal/arguments/require_text.sql (dropped)
drop function if exists seckill_private.require_text;

-- file: procedures/internal/arguments/fault_in_text.sql (dropped)
drop function if exists seckill_private.fault_in_text;

-- file: procedures/internal/arguments/raise_error.sql (dropped)
drop function if exists seckill_private.raise_error;

-- end of files

reset role;
