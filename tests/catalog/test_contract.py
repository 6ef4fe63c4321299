"""The interface of this release, word for word: callers use these names and this order.

A line that has to change here breaks somebody's program. Adding a field at the end of a result is
allowed; a new parameter, even with a default, is a new function.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

ACTOR = "p_actor text DEFAULT NULL::text"
ACTIVITY_CALL = (f"p_activity_id bigint, {ACTOR}", "seckill.ops_result")
LIST_CALL = (
    f"p_activity_id bigint, p_dimension text, p_values text[], {ACTOR}",
    "seckill.ops_result",
)

FUNCTIONS: dict[str, tuple[str, str | None]] = {
    # Buying
    "reserve": (
        "p_activity_id bigint, p_user_id text, p_sku text, p_quantity integer,"
        " p_request_id uuid, p_region text DEFAULT '*'::text,"
        " p_subjects jsonb DEFAULT '{}'::jsonb",
        "seckill.reserve_result",
    ),
    "confirm": (
        "p_user_id text, p_reservation_id bigint, p_payment_ref text DEFAULT NULL::text",
        "seckill.resolve_result",
    ),
    "cancel": (
        "p_user_id text, p_reservation_id bigint, p_reason text DEFAULT NULL::text",
        "seckill.resolve_result",
    ),
    "reserve_lines": (
        "p_activity_id bigint, p_user_id text, p_skus text[], p_quantities integer[],"
        " p_request_id uuid, p_region text DEFAULT '*'::text,"
        " p_subjects jsonb DEFAULT '{}'::jsonb",
        "seckill.reserve_result",
    ),
    "reserve_batch": (
        "p_activity_ids bigint[], p_user_ids text[], p_skus text[], p_quantities integer[],"
        " p_request_ids uuid[], p_regions text[], p_subjects jsonb[]",
        "SETOF seckill.reserve_result",
    ),
    "reserve_now": (
        "IN p_activity_id bigint, IN p_user_id text, IN p_sku text, IN p_quantity integer,"
        " IN p_request_id uuid, IN p_region text DEFAULT '*'::text,"
        " IN p_subjects jsonb DEFAULT '{}'::jsonb, INOUT status text DEFAULT NULL::text,"
        " INOUT ordinal integer DEFAULT NULL::integer,"
        " INOUT reservation_id bigint DEFAULT NULL::bigint,"
        " INOUT replayed boolean DEFAULT NULL::boolean, INOUT state text DEFAULT NULL::text,"
        " INOUT expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone,"
        " INOUT limit_name text DEFAULT NULL::text, INOUT sku text DEFAULT NULL::text,"
        " INOUT remaining bigint DEFAULT NULL::bigint, INOUT epoch bigint DEFAULT NULL::bigint,"
        " INOUT retry text DEFAULT NULL::text,"
        " INOUT retry_at timestamp with time zone DEFAULT NULL::timestamp with time zone,"
        " INOUT error_code text DEFAULT NULL::text",
        None,
    ),
    "explain": (
        "p_activity_id bigint, p_user_id text, p_sku text, p_quantity integer,"
        " p_request_id uuid, p_region text DEFAULT '*'::text,"
        " p_subjects jsonb DEFAULT '{}'::jsonb",
        "SETOF seckill.check_result",
    ),
    "limit_usage": (
        "p_activity_id bigint, p_user_id text, p_subjects jsonb DEFAULT '{}'::jsonb",
        "SETOF seckill.check_result",
    ),
    "refund": (
        "p_user_id text, p_reservation_id bigint, p_skus text[] DEFAULT NULL::text[],"
        " p_quantities integer[] DEFAULT NULL::integer[], p_request_id uuid DEFAULT NULL::uuid,"
        " p_restock boolean DEFAULT true, p_restore_limits boolean DEFAULT true",
        "seckill.resolve_result",
    ),
    "confirm_batch": (
        "p_user_ids text[], p_reservation_ids bigint[], p_payment_refs text[]",
        "SETOF seckill.resolve_result",
    ),
    "availability": (
        "p_activity_id bigint, p_sku text, p_region text DEFAULT '*'::text",
        "seckill.availability_result",
    ),
    "get_reservation": ("p_user_id text, p_reservation_id bigint", "seckill.reservation_result"),
    "find_reservation": (
        "p_activity_id bigint, p_user_id text, p_request_id uuid",
        "seckill.reservation_result",
    ),
    "list_reservations": (
        "p_user_id text, p_activity_id bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 100",
        "SETOF seckill.reservation_result",
    ),
    # Running a sale
    "create_activity": (
        "p_name text, p_starts_at timestamp with time zone, p_ends_at timestamp with time zone,"
        " p_hold_seconds integer DEFAULT 900, p_time_zone text DEFAULT 'UTC'::text,"
        f" p_request_id uuid DEFAULT NULL::uuid, {ACTOR}",
        "bigint",
    ),
    "update_activity": (
        "p_activity_id bigint, p_name text DEFAULT NULL::text,"
        " p_starts_at timestamp with time zone DEFAULT NULL::timestamp with time zone,"
        " p_ends_at timestamp with time zone DEFAULT NULL::timestamp with time zone,"
        f" p_hold_seconds integer DEFAULT NULL::integer, {ACTOR}",
        "seckill.ops_result",
    ),
    "open_activity": ACTIVITY_CALL,
    "pause_activity": ACTIVITY_CALL,
    "resume_activity": ACTIVITY_CALL,
    "close_activity": ACTIVITY_CALL,
    "receive_stock": (
        "p_sku text, p_quantity bigint, p_request_id uuid, p_reason text DEFAULT NULL::text,"
        f" {ACTOR}",
        "seckill.ops_result",
    ),
    "allocate_stock": (
        "p_activity_id bigint, p_sku text, p_quantity bigint, p_request_id uuid,"
        f" p_region text DEFAULT '*'::text, p_slots integer DEFAULT 1, {ACTOR}",
        "seckill.ops_result",
    ),
    "set_slots": (
        "p_activity_id bigint, p_sku text, p_slots integer,"
        f" p_region text DEFAULT '*'::text, {ACTOR}",
        "seckill.ops_result",
    ),
    "set_stock_total": (
        "p_activity_id bigint, p_sku text, p_total bigint, p_mode text,"
        " p_region text DEFAULT '*'::text, p_expected_total bigint DEFAULT NULL::bigint,"
        f" {ACTOR}",
        "seckill.ops_result",
    ),
    "set_limit": (
        "p_activity_id bigint, p_name text, p_dimension text, p_metric text, p_window text,"
        " p_maximum bigint, p_sku text DEFAULT NULL::text,"
        " p_period interval DEFAULT NULL::interval, p_time_zone text DEFAULT NULL::text,"
        f" p_required boolean DEFAULT true, {ACTOR}",
        "seckill.ops_result",
    ),
    "drop_limit": (f"p_activity_id bigint, p_name text, {ACTOR}", "seckill.ops_result"),
    "set_queue_limit": (
        f"p_activity_id bigint, p_max_waiting integer, {ACTOR}",
        "seckill.ops_result",
    ),
    "require_eligibility": (
        f"p_activity_id bigint, p_dimension text, p_required boolean, {ACTOR}",
        "seckill.ops_result",
    ),
    "add_eligible": LIST_CALL,
    "remove_eligible": LIST_CALL,
    "block": LIST_CALL,
    "unblock": LIST_CALL,
    "move_stock": (
        "p_activity_id bigint, p_sku text, p_quantity bigint, p_from_region text,"
        f" p_to_region text, p_request_id uuid, {ACTOR}",
        "seckill.ops_result",
    ),
    "schedule_release": (
        "p_activity_id bigint, p_sku text, p_region text,"
        f" p_release_at timestamp with time zone[], p_quantities bigint[], {ACTOR}",
        "seckill.ops_result",
    ),
    "expire_due": (f"p_limit integer DEFAULT 1000, {ACTOR}", "integer"),
    "archive_activity": ACTIVITY_CALL,
    "export_activity": (
        "p_activity_id bigint, p_part text, p_after text DEFAULT NULL::text,"
        " p_limit integer DEFAULT 1000",
        "SETOF seckill.archived_row",
    ),
    "drop_archived": (
        f"p_activity_id bigint, p_limit integer DEFAULT 1000, {ACTOR}",
        "seckill.ops_result",
    ),
    # Reading
    "reconcile": ("p_activity_id bigint", "SETOF seckill.violation"),
    "history": (
        "p_activity_id bigint, p_sku text DEFAULT NULL::text, p_region text DEFAULT NULL::text,"
        " p_user_id text DEFAULT NULL::text, p_limit integer DEFAULT 1000",
        "SETOF seckill.change",
    ),
    "changes": (
        "p_after text DEFAULT NULL::text, p_limit integer DEFAULT 1000",
        "SETOF seckill.change",
    ),
    "ops_history": (
        "p_activity_id bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 1000",
        "SETOF seckill.ops_entry",
    ),
    "stock_at": (
        "p_activity_id bigint, p_sku text, p_at timestamp with time zone,"
        " p_region text DEFAULT '*'::text",
        "seckill.availability_result",
    ),
    "limit_usage_at": (
        "p_activity_id bigint, p_user_id text, p_at timestamp with time zone,"
        " p_subjects jsonb DEFAULT '{}'::jsonb",
        "SETOF seckill.check_result",
    ),
    "inventory": ("p_sku text", "seckill.inventory_result"),
    "schema_version": ("", "text"),
    "contract_version": ("", "integer"),
    "shard_of": ("p_user_id text", "integer"),
}

TYPES: dict[str, str] = {
    "reserve_result": "status text, ordinal integer, reservation_id bigint, replayed boolean,"
    " state text, expires_at timestamp with time zone, limit_name text, sku text,"
    " remaining bigint, epoch bigint, retry text, retry_at timestamp with time zone,"
    " error_code text",
    "resolve_result": "status text, reservation_id bigint, replayed boolean, late boolean,"
    " error_code text",
    "availability_result": "status text, total bigint, available bigint, held bigint,"
    " sold bigint, epoch bigint",
    "reservation_result": "status text, reservation_id bigint, activity_id bigint,"
    " user_id text, request_id uuid, region text, skus text[], quantities integer[],"
    " expires_at timestamp with time zone, created_at timestamp with time zone,"
    " resolved_at timestamp with time zone, payment_ref text",
    "ops_result": "status text, replayed boolean, activity_id bigint, sku text, region text,"
    " quantity bigint, total bigint",
    "change": "cursor text, at timestamp with time zone, kind text, activity_id bigint,"
    " sku text, region text, reservation_id bigint, user_id text, quantity bigint, actor text,"
    " login text, note text, source text, target text",
    "archived_row": "cursor text, data jsonb",
    "check_result": "status text, check_name text, limit_name text, dimension text, used bigint,"
    " maximum bigint, remaining bigint, resets_at timestamp with time zone, retry text",
    "ops_entry": "at timestamp with time zone, actor text, login text, call text,"
    " activity_id bigint, arguments jsonb",
    "violation": "invariant text, subject text, expected text, actual text",
    "inventory_result": "status text, sku text, quantity bigint",
}

VIEWS = {"activity", "pool", "limit_rule", "sale_status"}


def test_functions_are_those_of_the_contract(superuser: Connection[Any]) -> None:
    rows = superuser.execute(
        """
        select proname, pg_get_function_arguments(oid) as arguments,
               pg_get_function_result(oid) as result
          from pg_proc where pronamespace = 'seckill'::regnamespace"""
    )
    assert {row.proname: (row.arguments, row.result) for row in rows} == FUNCTIONS


def test_result_types_are_those_of_the_contract(superuser: Connection[Any]) -> None:
    rows = superuser.execute(
        """
        select c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '
                            order by a.attnum) as fields
          from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
         where c.relnamespace = 'seckill'::regnamespace and c.relkind = 'c'
         group by c.oid"""
    )
    assert {row.relname: row.fields for row in rows} == TYPES


def test_nothing_else_is_public(superuser: Connection[Any]) -> None:
    rows = superuser.execute(
        """
        select relname, relkind::text as kind from pg_class
         where relnamespace = 'seckill'::regnamespace and relkind <> 'c'"""
    )
    assert {(row.relname, row.kind) for row in rows} == {(name, "v") for name in VIEWS}


def test_only_the_two_schemas_are_used(superuser: Connection[Any]) -> None:
    rows = superuser.execute(
        """
        select nspname from pg_namespace
         where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')"""
    )
    assert {row.nspname for row in rows} == {"seckill", "seckill_private"}
