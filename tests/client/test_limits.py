# WARNING: this file is auto-generated from test_limits_async.py by ops/dev/generate_sync.py.
# Do not change it: change the source and generate again.
"""Limits of any kind, lists, several lines, releases: what each method passes on and returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from seckill import (
    Client,
    InvalidArgument,
    OpsResult,
    RequestConflict,
    ReserveResult,
    StockShortfall,
    UnknownActivity,
    UnknownPool,
)
from tests.fix_database import Database
from tests.fix_sale import Sale, one, open_sale

NOBODY = 8_000_000


@pytest.fixture
def client(db: Database) -> Iterator[Client]:
    """An operator's client: seckill_ops may buy too."""
    with Client(db.dsn("operator")) as client:
        yield client


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    """Ten units, no limit, and a few more in the inventory."""
    sale = open_sale(operator, units=10)
    receive = (
        "select * from seckill.receive_stock("
        "p_sku => %(sku)s, p_quantity => 5, p_request_id => gen_random_uuid())"
    )
    one(operator, receive, sku=sale.sku)
    return sale


def buy(
    client: Client, sale: Sale, user: str = "ann", *, quantity: int = 1, phone: str = ""
) -> ReserveResult:
    return client.reserve(
        activity_id=sale.activity_id,
        user_id=user,
        sku=sale.sku,
        quantity=quantity,
        subjects={"phone": phone} if phone else {},
    )


def available(client: Client, sale: Sale, sku: str, region: str = "*") -> int:
    stock = client.availability(activity_id=sale.activity_id, sku=sku, region=region)
    return stock.available


@pytest.fixture
def bundle(operator: Connection[Any], sale: Sale) -> Sale:
    """Three cases in the same sale."""
    for call in (
        "receive_stock(p_sku => 'case', p_quantity => 3, p_request_id => gen_random_uuid())",
        "allocate_stock(p_activity_id => %(activity_id)s, p_sku => 'case', p_quantity => 3,"
        " p_request_id => gen_random_uuid())",
    ):
        one(operator, f"select * from seckill.{call}", activity_id=sale.activity_id)
    return sale


# --- several lines


def test_lines_are_held_together_and_merged(client: Client, bundle: Sale) -> None:
    request_id = uuid4()
    answers = [
        client.reserve_lines(
            activity_id=bundle.activity_id,
            user_id="ann",
            skus=skus,
            quantities=quantities,
            request_id=request_id,
            region="*",
            subjects={"phone": "0123"},
        )
        for skus, quantities in (
            (["phone", "case", "phone"], [1, 2, 1]),
            (("case", "phone"), (2, 2)),
        )
    ]
    assert [(answer.ok, answer.replayed) for answer in answers] == [(True, False), (True, True)]
    assert answers[0].reservation_id is not None
    got = client.get_reservation(user_id="ann", reservation_id=answers[0].reservation_id)
    assert (got.skus, got.quantities, got.request_id) == (["case", "phone"], [2, 2], request_id)
    with pytest.raises(RequestConflict):
        client.reserve_lines(
            activity_id=bundle.activity_id,
            user_id="ann",
            skus=["phone"],
            quantities=[2],
            request_id=request_id,
        )


def test_one_short_line_refuses_all(client: Client, bundle: Sale) -> None:
    answer = client.reserve_lines(
        activity_id=bundle.activity_id, user_id="ann", skus=["phone", "case"], quantities=[1, 4]
    )
    assert (answer.status, answer.sku, answer.remaining) == ("sold_out", "case", 3)
    assert available(client, bundle, "phone") == 10


@pytest.mark.parametrize(
    ("skus", "quantities", "code"),
    [
        ([], [], "SK001"),
        (["phone"], [1, 2], "SK001"),
        (["phone", None], [1, 1], "SK001"),
        (["phone"], [0], "SK001"),
        (["phone"], [2**40], "22003"),
        (["pho\0ne"], [1], None),
        ("phone", [1], "22P02"),
    ],
)
def test_lines_that_no_parameter_can_take(
    client: Client, sale: Sale, skus: Any, quantities: Any, code: str | None
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        client.reserve_lines(
            activity_id=sale.activity_id, user_id="ann", skus=skus, quantities=quantities
        )
    assert caught.value.sqlstate == code


# --- limits


def test_a_limit_gets_every_argument(client: Client, sale: Sale, operator: Connection[Any]) -> None:
    answer = client.set_limit(
        activity_id=None,
        name="calm down",
        dimension="device",
        metric="expired_holds",
        window="rolling",
        maximum=3,
        sku=sale.sku,
        period=timedelta(days=1, hours=12),
        required=False,
        actor="olga",
    )
    assert (answer.status, answer.replayed, answer.activity_id) == ("set", False, None)
    rule = one(operator, "select * from seckill.limit_rule where name = 'calm down'")
    assert (rule.activity_id, rule.dimension, rule.metric) == (None, "device", "expired_holds")
    assert (rule.window, rule.maximum, rule.sku, rule.required) == ("rolling", 3, sale.sku, False)
    assert rule.period == timedelta(days=1, hours=12)
    (entry,) = client.ops_history(limit=1)
    assert (entry.call, entry.actor) == ("set_limit", "olga")
    dropped = client.drop_limit(activity_id=None, name="calm down", actor="olga")
    assert (dropped.status, dropped.replayed) == ("dropped", False)


def test_a_global_limit_counts_in_its_own_zone(
    client: Client, sale: Sale, operator: Connection[Any]
) -> None:
    client.set_limit(
        activity_id=None,
        name="monthly",
        dimension="user",
        metric="units",
        window="month",
        maximum=2,
        time_zone="Asia/Shanghai",
    )
    other = open_sale(operator, units=5, sku="tablet", name="other")
    assert (buy(client, sale)).ok
    assert (buy(client, other)).ok
    refused = buy(client, other)
    assert (refused.status, refused.limit_name, refused.remaining) == (
        "limit_exceeded",
        "monthly",
        0,
    )
    (usage,) = client.limit_usage(activity_id=sale.activity_id, user_id="ann")
    midnight = usage.resets_at
    assert midnight is not None
    local = midnight.astimezone(UTC) + timedelta(hours=8)
    assert (local.day, local.hour, local.minute, local.second) == (1, 0, 0, 0)


def test_unpaid_holds_need_no_window(client: Client, sale: Sale) -> None:
    client.set_limit(
        activity_id=sale.activity_id,
        name="two unpaid",
        dimension="user",
        metric="open_holds",
        window=None,
        maximum=2,
    )
    first, second = buy(client, sale), buy(client, sale)
    refused = buy(client, sale)
    assert (refused.status, refused.retry) == ("limit_exceeded", "may_return")
    assert refused.retry_at == first.expires_at
    assert second.reservation_id is not None
    client.confirm(user_id="ann", reservation_id=second.reservation_id)
    assert (buy(client, sale)).ok


def test_usage_of_the_dimensions_that_are_given(client: Client, sale: Sale) -> None:
    for dimension, maximum in (("phone", 2), ("user", 3)):
        client.set_limit(
            activity_id=sale.activity_id,
            name=f"by {dimension}",
            dimension=dimension,
            metric="units",
            window="activity",
            maximum=maximum,
        )
    with pytest.raises(InvalidArgument):
        buy(client, sale)
    assert (buy(client, sale, quantity=2, phone="0123")).ok
    alone = client.limit_usage(activity_id=sale.activity_id, user_id="ann")
    assert [(check.limit_name, check.used) for check in alone] == [("by user", 2)]
    shared = client.limit_usage(
        activity_id=sale.activity_id, user_id="bob", subjects={"phone": "0123"}
    )
    assert [
        (check.limit_name, check.dimension, check.used, check.maximum, check.remaining, check.ok)
        for check in shared
    ] == [("by phone", "phone", 2, 2, 0, False), ("by user", "user", 0, 3, 3, True)]
    with pytest.raises(UnknownActivity):
        client.limit_usage(activity_id=NOBODY, user_id="ann")


def test_explain_tells_what_reserve_then_answers(client: Client, sale: Sale) -> None:
    client.set_limit(
        activity_id=sale.activity_id,
        name="by phone",
        dimension="phone",
        metric="units",
        window="day",
        maximum=1,
    )
    request_id = uuid4()
    request: dict[str, Any] = {
        "activity_id": sale.activity_id,
        "user_id": "ann",
        "sku": sale.sku,
        "quantity": 1,
        "region": "*",
        "subjects": {"phone": "0123"},
    }
    before = client.explain(**request)
    assert [check.status for check in before] == ["pass"] * len(before)
    assert [check.check_name for check in before] == ["sale", "stock", "limit"]
    assert (client.reserve(**request, request_id=request_id)).ok
    known = client.explain(**request, request_id=request_id)
    assert [(check.check_name, check.ok) for check in known] == [("replay", True)]
    after = client.explain(**request)
    failed = next(check for check in after if not check.ok)
    refused = client.reserve(**request)
    assert (failed.check_name, failed.limit_name) == ("limit", refused.limit_name)
    assert (failed.remaining, failed.retry) == (refused.remaining, refused.retry)
    stock = next(check for check in after if check.check_name == "stock")
    assert (stock.used, stock.maximum, stock.remaining) == (1, 10, 9)
    assert available(client, sale, sale.sku) == 9


def test_a_queue_is_bounded(client: Client, sale: Sale) -> None:
    where: dict[str, Any] = {"activity_id": sale.activity_id}
    said = client.set_queue_limit(**where, max_waiting=2, actor="olga")
    assert (said.status, said.replayed) == ("set", False)
    assert (client.set_queue_limit(**where, max_waiting=2)).replayed is True
    assert (buy(client, sale)).ok
    with pytest.raises(InvalidArgument):
        client.set_queue_limit(**where, max_waiting=-1)


# --- lists


def test_who_may_buy(client: Client, sale: Sale) -> None:
    where: dict[str, Any] = {"activity_id": sale.activity_id, "dimension": "phone"}
    required = client.require_eligibility(**where, required=True, actor="olga")
    assert (required.status, required.replayed) == ("required", False)
    assert (client.require_eligibility(**where, required=True)).replayed is True
    assert (buy(client, sale, phone="01 23")).status == "not_eligible"
    added = client.add_eligible(**where, values=["01 23", "0456", "01 23"], actor="olga")
    assert (added.status, added.quantity) == ("added", 2)
    again = client.add_eligible(**where, values=("0456", "0789"))
    assert (again.status, again.quantity) == ("added", 1)
    assert (buy(client, sale, phone="01 23")).ok
    removed = client.remove_eligible(**where, values=["01 23", "nobody"])
    assert (removed.status, removed.quantity) == ("removed", 1)
    refused = buy(client, sale, phone="01 23")
    assert (refused.status, refused.retry) == ("not_eligible", "final")
    client.require_eligibility(**where, required=False)
    assert (buy(client, sale, phone="01 23")).ok


def test_who_may_not_buy(client: Client, sale: Sale) -> None:
    where: dict[str, Any] = {"activity_id": sale.activity_id, "dimension": "user"}
    blocked = client.block(**where, values=["mallory", "eve"], actor="olga")
    assert (blocked.status, blocked.quantity) == ("blocked", 2)
    assert (buy(client, sale, "mallory")).status == "not_eligible"
    lifted = client.unblock(**where, values=["mallory"], actor="olga")
    assert (lifted.status, lifted.quantity) == ("unblocked", 1)
    assert (buy(client, sale, "mallory")).ok
    assert (buy(client, sale, "eve")).status == "not_eligible"


@pytest.mark.parametrize("name", ["add_eligible", "remove_eligible", "block", "unblock"])
def test_ten_thousand_values_a_call(client: Client, sale: Sale, name: str) -> None:
    edit: Callable[..., Any] = getattr(client, name)
    where: dict[str, Any] = {"activity_id": sale.activity_id, "dimension": "user"}
    values = [f"user-{n}" for n in range(10_001)]
    with pytest.raises(InvalidArgument) as caught:
        edit(**where, values=values)
    assert caught.value.sqlstate == "SK001"
    answer: OpsResult = edit(**where, values=values[1:])
    assert answer.quantity == (10_000 if name in ("add_eligible", "block") else 0)
    with pytest.raises(InvalidArgument):
        edit(**where, values=["a\0b"])


# --- stock


def test_stock_moves_between_regions_once(client: Client, sale: Sale) -> None:
    request_id = uuid4()
    client.allocate_stock(
        activity_id=sale.activity_id, sku=sale.sku, quantity=1, request_id=uuid4(), region="north"
    )

    def move(quantity: int, request_id: UUID) -> OpsResult:
        return client.move_stock(
            activity_id=sale.activity_id,
            sku=sale.sku,
            quantity=quantity,
            from_region="*",
            to_region="north",
            request_id=request_id,
            actor="olga",
        )

    for replayed in (False, True):
        moved = move(4, request_id)
        assert (moved.status, moved.replayed, moved.quantity) == ("moved", replayed, 4)
    assert available(client, sale, sale.sku) == 6
    assert available(client, sale, sale.sku, "north") == 5
    with pytest.raises(StockShortfall):
        move(7, uuid4())
    with pytest.raises(UnknownPool):
        client.move_stock(
            activity_id=sale.activity_id,
            sku=sale.sku,
            quantity=1,
            from_region="north",
            to_region="south",
            request_id=uuid4(),
        )
    with pytest.raises(RequestConflict):
        move(5, request_id)
    assert client.reconcile(activity_id=sale.activity_id) == []


def test_a_pool_in_several_slots(client: Client, sale: Sale) -> None:
    where: dict[str, Any] = {"activity_id": sale.activity_id, "sku": sale.sku}
    said = client.set_slots(**where, slots=4, actor="olga")
    assert (said.status, said.replayed, said.quantity, said.total) == ("set", False, 4, 10)
    assert (client.set_slots(**where, slots=4)).replayed is True
    assert (buy(client, sale, quantity=7)).ok
    assert available(client, sale, sale.sku) == 3
    with pytest.raises(InvalidArgument):
        client.set_slots(**where, slots=65)
    with pytest.raises(UnknownPool):
        client.set_slots(**where, slots=2, region="north")
    client.allocate_stock(**where, quantity=3, request_id=uuid4(), region="north", slots=3)
    assert (client.set_slots(**where, slots=3, region="north")).replayed is True
    assert client.reconcile(activity_id=sale.activity_id) == []


def test_units_are_released_later(client: Client, sale: Sale) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    where: dict[str, Any] = {
        "activity_id": sale.activity_id,
        "sku": sale.sku,
        "region": "*",
    }
    answer = client.schedule_release(
        **where, release_at=[soon, soon + timedelta(hours=1)], quantities=[3, 4], actor="olga"
    )
    assert answer.status == "scheduled"
    assert available(client, sale, sale.sku) == 3
    refused = buy(client, sale, quantity=4)
    assert (refused.status, refused.retry, refused.retry_at) == ("sold_out", "not_yet", soon)
    with pytest.raises(StockShortfall):
        client.schedule_release(**where, release_at=[soon], quantities=[11])
    with pytest.raises(InvalidArgument, match="release_at has no zone"):
        client.schedule_release(**where, release_at=[soon.replace(tzinfo=None)], quantities=[1])
    client.schedule_release(**where, release_at=(), quantities=())
    assert available(client, sale, sale.sku) == 10
    with pytest.raises(UnknownPool):
        client.schedule_release(
            activity_id=sale.activity_id, sku="hat", region="*", release_at=[], quantities=[]
        )


# --- the journal


def test_who_did_what(client: Client, sale: Sale) -> None:
    before = datetime.now(UTC) - timedelta(seconds=10)
    client.pause_activity(activity_id=sale.activity_id, actor="olga")
    client.resume_activity(activity_id=sale.activity_id)
    newest, older, *_ = client.ops_history(activity_id=sale.activity_id)
    assert [(entry.call, entry.actor) for entry in (newest, older)] == [
        ("resume_activity", None),
        ("pause_activity", "olga"),
    ]
    assert (newest.login, newest.activity_id) == ("seckill_operator", sale.activity_id)
    assert before < older.at <= newest.at
    calls = {entry.call: entry for entry in client.ops_history()}
    assert calls["receive_stock"].activity_id is None
    assert calls["receive_stock"].arguments["quantity"] == 10
    assert len(client.ops_history(activity_id=sale.activity_id, limit=1)) == 1
