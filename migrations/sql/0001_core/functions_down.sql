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

-- file: procedures/internal/check_limits.sql (dropped)
drop function if exists seckill_private.check_limits;

-- file: procedures/internal/check_rules.sql (dropped)
drop function if exists seckill_private.check_rules;

-- file: procedures/internal/limit_events.sql (dropped)
drop function if exists seckill_private.limit_events;

-- file: procedures/internal/use_events.sql (dropped)
drop function if exists seckill_private.use_events;

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

-- file: procedures/internal/set_releases.sql (dropped)
drop function if exists seckill_private.set_releases;

-- file: procedures/internal/releases_stand.sql (dropped)
drop function if exists seckill_private.releases_stand;

-- file: procedures/internal/validate_releases.sql (dropped)
drop function if exists seckill_private.validate_releases;

-- file: procedures/internal/move_units.sql (dropped)
drop function if exists seckill_private.move_units;

-- file: procedures/internal/change_list.sql (dropped)
drop function if exists seckill_private.change_list;

-- file: procedures/internal/note_dimension.sql (dropped)
drop function if exists seckill_private.note_dimension;

-- file: procedures/internal/note_rules.sql (dropped)
drop function if exists seckill_private.note_rules;

-- file: procedures/internal/newcomer_units.sql (dropped)
drop function if exists seckill_private.newcomer_units;

-- file: procedures/internal/end_limit.sql (dropped)
drop function if exists seckill_private.end_limit;

-- file: procedures/internal/limit_stands.sql (dropped)
drop function if exists seckill_private.limit_stands;

-- file: procedures/internal/validate_limit.sql (dropped)
drop function if exists seckill_private.validate_limit;

-- file: procedures/internal/set_stock_total_at.sql (dropped)
drop function if exists seckill_private.set_stock_total_at;

-- file: procedures/internal/raise_total.sql (dropped)
drop function if exists seckill_private.raise_total;

-- file: procedures/internal/lower_total.sql (dropped)
drop function if exists seckill_private.lower_total;

-- file: procedures/internal/owe_units.sql (dropped)
drop function if exists seckill_private.owe_units;

-- file: procedures/internal/revoke_holds.sql (dropped)
drop function if exists seckill_private.revoke_holds;

-- file: procedures/internal/cut_unreleased.sql (dropped)
drop function if exists seckill_private.cut_unreleased;

-- file: procedures/internal/cut_available.sql (dropped)
drop function if exists seckill_private.cut_available;

-- file: procedures/internal/settle_pool.sql (dropped)
drop function if exists seckill_private.settle_pool;

-- file: procedures/internal/slots_of.sql (dropped)
drop function if exists seckill_private.slots_of;

-- file: procedures/internal/lock_rules.sql (dropped)
drop function if exists seckill_private.lock_rules;

-- file: procedures/internal/return_unsold.sql (dropped)
drop function if exists seckill_private.return_unsold;

-- file: procedures/internal/change_state.sql (dropped)
drop function if exists seckill_private.change_state;

-- file: procedures/internal/ensure_pool.sql (dropped)
drop function if exists seckill_private.ensure_pool;

-- file: procedures/internal/add_slots.sql (dropped)
drop function if exists seckill_private.add_slots;

-- file: procedures/internal/archived_page.sql (dropped)
drop function if exists seckill_private.archived_page;

-- file: procedures/internal/archived_part.sql (dropped)
drop function if exists seckill_private.archived_part;

-- file: procedures/internal/limit_that_counts.sql (dropped)
drop function if exists seckill_private.limit_that_counts;

-- file: procedures/internal/delete_activity.sql (dropped)
drop function if exists seckill_private.delete_activity;

-- file: procedures/internal/drop_partition.sql (dropped)
drop function if exists seckill_private.drop_partition;

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

-- file: procedures/internal/refund_at.sql (dropped)
drop function if exists seckill_private.refund_at;

-- file: procedures/internal/take_refund.sql (dropped)
drop function if exists seckill_private.take_refund;

-- file: procedures/internal/find_refund.sql (dropped)
drop function if exists seckill_private.find_refund;

-- file: procedures/internal/refund_units.sql (dropped)
drop function if exists seckill_private.refund_units;

-- file: procedures/internal/asked_lines.sql (dropped)
drop function if exists seckill_private.asked_lines;

-- file: procedures/internal/validate_refund.sql (dropped)
drop function if exists seckill_private.validate_refund;

-- file: procedures/internal/cancel_at.sql (dropped)
drop function if exists seckill_private.cancel_at;

-- file: procedures/internal/confirm_batch_at.sql (dropped)
drop function if exists seckill_private.confirm_batch_at;

-- file: procedures/internal/confirm_held.sql (dropped)
drop function if exists seckill_private.confirm_held;

-- file: procedures/internal/fault_in_payment.sql (dropped)
drop function if exists seckill_private.fault_in_payment;

-- file: procedures/internal/lock_reservations.sql (dropped)
drop function if exists seckill_private.lock_reservations;

-- file: procedures/internal/now_of_rows.sql (dropped)
drop function if exists seckill_private.now_of_rows;

-- file: procedures/internal/confirm_at.sql (dropped)
drop function if exists seckill_private.confirm_at;

-- file: procedures/internal/confirm_locked.sql (dropped)
drop function if exists seckill_private.confirm_locked;

-- file: procedures/internal/confirm_late.sql (dropped)
drop function if exists seckill_private.confirm_late;

-- file: procedures/internal/late_check.sql (dropped)
drop function if exists seckill_private.late_check;

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

-- file: procedures/internal/usage_checks_at.sql (dropped)
drop function if exists seckill_private.usage_checks_at;

-- file: procedures/internal/explain_at.sql (dropped)
drop function if exists seckill_private.explain_at;

-- file: procedures/internal/show_check.sql (dropped)
drop function if exists seckill_private.show_check;

-- file: procedures/internal/reserve_batch_at.sql (dropped)
drop function if exists seckill_private.reserve_batch_at;

-- file: procedures/internal/settle_batch.sql (dropped)
drop function if exists seckill_private.settle_batch;

-- file: procedures/internal/grant_plain.sql (dropped)
drop function if exists seckill_private.grant_plain;

-- file: procedures/internal/mark_plain.sql (dropped)
drop function if exists seckill_private.mark_plain;

-- file: procedures/internal/mark_within.sql (dropped)
drop function if exists seckill_private.mark_within;

-- file: procedures/internal/pools_of_batch.sql (dropped)
drop function if exists seckill_private.pools_of_batch;

-- file: procedures/internal/lock_all_digests.sql (dropped)
drop function if exists seckill_private.lock_all_digests;

-- file: procedures/internal/sales_of.sql (dropped)
drop function if exists seckill_private.sales_of;

-- file: procedures/internal/read_requests.sql (dropped)
drop function if exists seckill_private.read_requests;

-- file: procedures/internal/reserve_at.sql (dropped)
drop function if exists seckill_private.reserve_at;

-- file: procedures/internal/reserve_one.sql (dropped)
drop function if exists seckill_private.reserve_one;

-- file: procedures/internal/answer_newcomer.sql (dropped)
drop function if exists seckill_private.answer_newcomer;

-- file: procedures/internal/look_at_line.sql (dropped)
drop function if exists seckill_private.look_at_line;

-- file: procedures/internal/raise_request_error.sql (dropped)
drop function if exists seckill_private.raise_request_error;

-- file: procedures/internal/request_error.sql (dropped)
drop function if exists seckill_private.request_error;

-- file: procedures/internal/take_hold.sql (dropped)
drop function if exists seckill_private.take_hold;

-- file: procedures/internal/write_hold.sql (dropped)
drop function if exists seckill_private.write_hold;

-- file: procedures/internal/enter_queue.sql (dropped)
drop function if exists seckill_private.enter_queue;

-- file: procedures/internal/answer_again.sql (dropped)
drop function if exists seckill_private.answer_again;

-- file: procedures/internal/replay.sql (dropped)
drop function if exists seckill_private.replay;

-- file: procedures/internal/find_request.sql (dropped)
drop function if exists seckill_private.find_request;

-- file: procedures/internal/request_row.sql (dropped)
drop function if exists seckill_private.request_row;

-- file: procedures/internal/same_request.sql (dropped)
drop function if exists seckill_private.same_request;

-- file: procedures/internal/expire_due_at.sql (dropped)
drop function if exists seckill_private.expire_due_at;

-- file: procedures/internal/free_activities.sql (dropped)
drop function if exists seckill_private.free_activities;

-- file: procedures/internal/refresh_next_expiry.sql (dropped)
drop function if exists seckill_private.refresh_next_expiry;

-- file: procedures/internal/level_positions.sql (dropped)
drop function if exists seckill_private.level_positions;

-- file: procedures/internal/take_units.sql (dropped)
drop function if exists seckill_private.take_units;

-- file: procedures/internal/take_slots.sql (dropped)
drop function if exists seckill_private.take_slots;

-- file: procedures/internal/lock_rest.sql (dropped)
drop function if exists seckill_private.lock_rest;

-- file: procedures/internal/take_free.sql (dropped)
drop function if exists seckill_private.take_free;

-- file: procedures/internal/hold_units.sql (dropped)
drop function if exists seckill_private.hold_units;

-- file: procedures/internal/lock_units.sql (dropped)
drop function if exists seckill_private.lock_units;

-- file: procedures/internal/settle_short.sql (dropped)
drop function if exists seckill_private.settle_short;

-- file: procedures/internal/release_due.sql (dropped)
drop function if exists seckill_private.release_due;

-- file: procedures/internal/pick_short.sql (dropped)
drop function if exists seckill_private.pick_short;

-- file: procedures/internal/pick_due_holds.sql (dropped)
drop function if exists seckill_private.pick_due_holds;

-- file: procedures/internal/pool_at.sql (dropped)
drop function if exists seckill_private.pool_at;

-- file: procedures/internal/scheduled_by.sql (dropped)
drop function if exists seckill_private.scheduled_by;

-- file: procedures/internal/lock_stock.sql (dropped)
drop function if exists seckill_private.lock_stock;

-- file: procedures/internal/lock_slots.sql (dropped)
drop function if exists seckill_private.lock_slots;

-- file: procedures/internal/post_movements.sql (dropped)
drop function if exists seckill_private.post_movements;

-- file: procedures/internal/available_lines.sql (dropped)
drop function if exists seckill_private.available_lines;

-- file: procedures/internal/spread_units.sql (dropped)
drop function if exists seckill_private.spread_units;

-- file: procedures/internal/lock_returns.sql (dropped)
drop function if exists seckill_private.lock_returns;

-- file: procedures/internal/gather_units.sql (dropped)
drop function if exists seckill_private.gather_units;

-- file: procedures/internal/level_slots.sql (dropped)
drop function if exists seckill_private.level_slots;

-- file: procedures/internal/shift_units.sql (dropped)
drop function if exists seckill_private.shift_units;

-- file: procedures/internal/pay_debt.sql (dropped)
drop function if exists seckill_private.pay_debt;

-- file: procedures/internal/move_inventories.sql (dropped)
drop function if exists seckill_private.move_inventories;

-- file: procedures/internal/require_inventory.sql (dropped)
drop function if exists seckill_private.require_inventory;

-- file: procedures/internal/move_inventory.sql (dropped)
drop function if exists seckill_private.move_inventory;

-- file: procedures/internal/moved.sql (dropped)
drop function if exists seckill_private.moved;

-- file: procedures/internal/next_position.sql (dropped)
drop function if exists seckill_private.next_position;

-- file: procedures/internal/refuse_archived.sql (dropped)
drop function if exists seckill_private.refuse_archived;

-- file: procedures/internal/refusal.sql (dropped)
drop function if exists seckill_private.refusal;

-- file: procedures/internal/decide.sql (dropped)
drop function if exists seckill_private.decide;

-- file: procedures/internal/require_dimension.sql (dropped)
drop function if exists seckill_private.require_dimension;

-- file: procedures/internal/missing_dimension.sql (dropped)
drop function if exists seckill_private.missing_dimension;

-- file: procedures/internal/limit_checks.sql (dropped)
drop function if exists seckill_private.limit_checks;

-- file: procedures/internal/usage_at.sql (dropped)
drop function if exists seckill_private.usage_at;

-- file: procedures/internal/limits_at.sql (dropped)
drop function if exists seckill_private.limits_at;

-- file: procedures/internal/reservation_at.sql (dropped)
drop function if exists seckill_private.reservation_at;

-- file: procedures/internal/limit_check.sql (dropped)
drop function if exists seckill_private.limit_check;

-- file: procedures/internal/wanted.sql (dropped)
drop function if exists seckill_private.wanted;

-- file: procedures/internal/wanted_lines.sql (dropped)
drop function if exists seckill_private.wanted_lines;

-- file: procedures/internal/limit_use_of.sql (dropped)
drop function if exists seckill_private.limit_use_of;

-- file: procedures/internal/rolling_peak.sql (dropped)
drop function if exists seckill_private.rolling_peak;

-- file: procedures/internal/leaves_at.sql (dropped)
drop function if exists seckill_private.leaves_at;

-- file: procedures/internal/counted.sql (dropped)
drop function if exists seckill_private.counted;

-- file: procedures/internal/reservations_of.sql (dropped)
drop function if exists seckill_private.reservations_of;

-- file: procedures/internal/subject_keys.sql (dropped)
drop function if exists seckill_private.subject_keys;

-- file: procedures/internal/crosses_activities.sql (dropped)
drop function if exists seckill_private.crosses_activities;

-- file: procedures/internal/covered_units.sql (dropped)
drop function if exists seckill_private.covered_units;

-- file: procedures/internal/covered_lines.sql (dropped)
drop function if exists seckill_private.covered_lines;

-- file: procedures/internal/pools_of_sku.sql (dropped)
drop function if exists seckill_private.pools_of_sku;

-- file: procedures/internal/window_of.sql (dropped)
drop function if exists seckill_private.window_of;

-- file: procedures/internal/hour_of.sql (dropped)
drop function if exists seckill_private.hour_of;

-- file: procedures/internal/midnight.sql (dropped)
drop function if exists seckill_private.midnight;

-- file: procedures/internal/gate_checks.sql (dropped)
drop function if exists seckill_private.gate_checks;

-- file: procedures/internal/list_checks.sql (dropped)
drop function if exists seckill_private.list_checks;

-- file: procedures/internal/stock_check.sql (dropped)
drop function if exists seckill_private.stock_check;

-- file: procedures/internal/judge_stock.sql (dropped)
drop function if exists seckill_private.judge_stock;

-- file: procedures/internal/stock_returns.sql (dropped)
drop function if exists seckill_private.stock_returns;

-- file: procedures/internal/sale_check.sql (dropped)
drop function if exists seckill_private.sale_check;

-- file: procedures/internal/activity_at.sql (dropped)
drop function if exists seckill_private.activity_at;

-- file: procedures/internal/ledger_of.sql (dropped)
drop function if exists seckill_private.ledger_of;

-- file: procedures/internal/read_reservation.sql (dropped)
drop function if exists seckill_private.read_reservation;

-- file: procedures/internal/show_reservation.sql (dropped)
drop function if exists seckill_private.show_reservation;

-- file: procedures/internal/unit_lines.sql (dropped)
drop function if exists seckill_private.unit_lines;

-- file: procedures/internal/remaining.sql (dropped)
drop function if exists seckill_private.remaining;

-- file: procedures/internal/added.sql (dropped)
drop function if exists seckill_private.added;

-- file: procedures/internal/lines_of.sql (dropped)
drop function if exists seckill_private.lines_of;

-- file: procedures/internal/state_at.sql (dropped)
drop function if exists seckill_private.state_at;

-- file: procedures/internal/pool_balance.sql (dropped)
drop function if exists seckill_private.pool_balance;

-- file: procedures/internal/available_of.sql (dropped)
drop function if exists seckill_private.available_of;

-- file: procedures/internal/short_pools.sql (dropped)
drop function if exists seckill_private.short_pools;

-- file: procedures/internal/next_release.sql (dropped)
drop function if exists seckill_private.next_release;

-- file: procedures/internal/due_releases.sql (dropped)
drop function if exists seckill_private.due_releases;

-- file: procedures/internal/first_expiry.sql (dropped)
drop function if exists seckill_private.first_expiry;

-- file: procedures/internal/due_units.sql (dropped)
drop function if exists seckill_private.due_units;

-- file: procedures/internal/find_pool.sql (dropped)
drop function if exists seckill_private.find_pool;

-- file: procedures/internal/find_pools.sql (dropped)
drop function if exists seckill_private.find_pools;

-- file: procedures/internal/pools_of_lines.sql (dropped)
drop function if exists seckill_private.pools_of_lines;

-- file: procedures/internal/sale_status.sql (dropped)
drop function if exists seckill_private.sale_status;

-- file: procedures/internal/is_on_sale.sql (dropped)
drop function if exists seckill_private.is_on_sale;

-- file: procedures/internal/load_sale.sql (dropped)
drop function if exists seckill_private.load_sale;

-- file: procedures/internal/find_sale.sql (dropped)
drop function if exists seckill_private.find_sale;

-- file: procedures/internal/now_at.sql (dropped)
drop function if exists seckill_private.now_at;

-- file: procedures/internal/ensure_durable.sql (dropped)
drop function if exists seckill_private.ensure_durable;

-- file: procedures/internal/begin_write.sql (dropped)
drop function if exists seckill_private.begin_write;

-- file: procedures/internal/commit_durably.sql (dropped)
drop function if exists seckill_private.commit_durably;

-- file: procedures/internal/lock_digests.sql (dropped)
drop function if exists seckill_private.lock_digests;

-- file: procedures/internal/lock_buyers.sql (dropped)
drop function if exists seckill_private.lock_buyers;

-- file: procedures/internal/lock_subject.sql (dropped)
drop function if exists seckill_private.lock_subject;

-- file: procedures/internal/lock_key.sql (dropped)
drop function if exists seckill_private.lock_key;

-- file: procedures/internal/digest_of.sql (dropped)
drop function if exists seckill_private.digest_of;

-- file: procedures/internal/user_digest.sql (dropped)
drop function if exists seckill_private.user_digest;

-- file: procedures/internal/subject_digests.sql (dropped)
drop function if exists seckill_private.subject_digests;

-- file: procedures/internal/subject_digest.sql (dropped)
drop function if exists seckill_private.subject_digest;

-- file: procedures/internal/dimension_tag.sql (dropped)
drop function if exists seckill_private.dimension_tag;

-- file: procedures/internal/fault_in_subjects.sql (dropped)
drop function if exists seckill_private.fault_in_subjects;

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

-- file: procedures/internal/merge_lines.sql (dropped)
drop function if exists seckill_private.merge_lines;

-- file: procedures/internal/validate_request.sql (dropped)
drop function if exists seckill_private.validate_request;

-- file: procedures/internal/fault_in_request.sql (dropped)
drop function if exists seckill_private.fault_in_request;

-- file: procedures/internal/fault_in_buyer.sql (dropped)
drop function if exists seckill_private.fault_in_buyer;

-- file: procedures/internal/is_sound.sql (dropped)
drop function if exists seckill_private.is_sound;

-- file: procedures/internal/fault_in_line.sql (dropped)
drop function if exists seckill_private.fault_in_line;

-- file: procedures/internal/validate_buyer.sql (dropped)
drop function if exists seckill_private.validate_buyer;

-- file: procedures/internal/require_time_zone.sql (dropped)
drop function if exists seckill_private.require_time_zone;

-- file: procedures/internal/require_request_id.sql (dropped)
drop function if exists seckill_private.require_request_id;

-- file: procedures/internal/require_limit.sql (dropped)
drop function if exists seckill_private.require_limit;

-- file: procedures/internal/require_slots.sql (dropped)
drop function if exists seckill_private.require_slots;

-- file: procedures/internal/require_units.sql (dropped)
drop function if exists seckill_private.require_units;

-- file: procedures/internal/optional_text.sql (dropped)
drop function if exists seckill_private.optional_text;

-- file: procedures/internal/require_text.sql (dropped)
drop function if exists seckill_private.require_text;

-- file: procedures/internal/fault_in_text.sql (dropped)
drop function if exists seckill_private.fault_in_text;

-- file: procedures/internal/raise_error.sql (dropped)
drop function if exists seckill_private.raise_error;

-- end of files

reset role;
