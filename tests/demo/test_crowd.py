"""What buyers do, against a shop in memory that does what the test says."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from types import TracebackType
from typing import Self
from uuid import UUID

import pytest

from seckill.demo.calls import Calls
from seckill.demo.crowd import Buyer, Clicks, Crowd, Then, buyer
from seckill.demo.shop import Answer, Stock
from seckill.errors import OutcomeUnknown, SeckillError, Unavailable, UnknownReservation

SOLD_OUT = Answer("sold_out", may_return=True)
GONE = Answer("sold_out")


class Shop:
    """Sells `units`, one each, or says what it was told to."""

    def __init__(self, units: int = 10, told: Sequence[Answer | Exception] = ()) -> None:
        self.told = deque(told)
        self.asked: list[UUID] = []
        self.paid: list[int] = []
        self.cancelled: list[int] = []
        self.pay_fails: deque[Answer | Exception] = deque()
        self._units = units
        self._holds: dict[UUID, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    async def reserve(self, user_id: str, request_id: UUID, *, first_try: bool) -> Answer:
        self.asked.append(request_id)
        await asyncio.sleep(0)
        if self.told:
            told = self.told.popleft()
            if isinstance(told, Exception):
                raise told
            return told
        if request_id in self._holds:
            return Answer("held", self._holds[request_id], replayed=True)
        if self._holds:
            return Answer("limit_exceeded")
        self._holds[request_id] = len(self.asked)
        return Answer("held", self._holds[request_id])

    async def pay(self, user_id: str, reservation_id: int) -> Answer:
        if self.pay_fails:
            told = self.pay_fails.popleft()
            if isinstance(told, Exception):
                raise told
            self._holds.clear()
            return told
        self.paid.append(reservation_id)
        return Answer("confirmed", reservation_id)

    async def cancel(self, user_id: str, reservation_id: int) -> Answer:
        self.cancelled.append(reservation_id)
        return Answer("cancelled", reservation_id)

    async def stock(self) -> Stock:
        return Stock(self._units, self._units, 0, 0)


def one_buyer(clicks: Clicks = "once", then: Then = "pay") -> Buyer:
    return replace(buyer(1, 0), clicks=clicks, then=then, thinks_s=0.0)


async def run(shop: Shop, one: Buyer) -> tuple[Crowd, Calls]:
    calls = Calls(shop, buying=4, paying=2)
    crowd = Crowd([one], shop, calls, seed=1)
    async with asyncio.timeout(20):
        await crowd.run(monotonic())
    return crowd, calls


def test_the_seed_decides_who_does_what() -> None:
    assert [buyer(3, n) for n in range(50)] == [buyer(3, n) for n in range(50)]
    assert [buyer(3, n) for n in range(50)] != [buyer(4, n) for n in range(50)]
    crowd = [buyer(3, n) for n in range(5_000)]
    assert len({one.user_id for one in crowd}) == 5_000
    clicks = Counter(one.clicks for one in crowd)
    then = Counter(one.then for one in crowd)
    assert clicks.keys() == {"once", "twice at once", "twice", "cheat"}
    assert min(clicks.values()) > 200
    assert then.keys() == {"pay", "cancel", "never pay"}
    assert min(then.values()) > 300


def test_request_ids_are_each_click_s_own() -> None:
    cheat, twice = one_buyer("cheat"), one_buyer("twice")
    assert len(set(cheat.request_ids(1, 0))) == 3
    first, second = twice.request_ids(1, 0)
    assert first == second
    everything = {
        request_id
        for number in range(20)
        for attempt in range(3)
        for request_id in replace(cheat, number=number).request_ids(1, attempt)
    }
    assert len(everything) == 20 * 3 * 3


@pytest.mark.parametrize(
    ("then", "outcome"),
    [("pay", "bought"), ("cancel", "cancelled"), ("never pay", "never paid")],
)
async def test_winner_does_what_he_is_like(then: Then, outcome: str) -> None:
    shop = Shop()
    crowd, _ = await run(shop, one_buyer(then=then))
    assert crowd.outcomes == {outcome: 1}
    assert (len(shop.paid), len(shop.cancelled)) == (then == "pay", then == "cancel")


@pytest.mark.parametrize("clicks", ["twice", "twice at once"])
async def test_double_click_is_one_request_and_one_payment(clicks: Clicks) -> None:
    shop = Shop()
    crowd, calls = await run(shop, one_buyer(clicks))
    assert len(shop.asked) == 2
    assert len(set(shop.asked)) == 1
    assert len(shop.paid) == 1
    assert calls.answers == {"reserve held": 1, "reserve replay": 1, "pay confirmed": 1}
    assert (crowd.first_answers, calls.broken) == (1, [])


async def test_cheat_makes_up_request_ids() -> None:
    shop = Shop()
    _, calls = await run(shop, one_buyer("cheat"))
    assert len(set(shop.asked)) == 3
    assert calls.answers["reserve limit_exceeded"] == 2
    assert len(shop.paid) == 1


async def test_refused_buyer_waits_and_asks_again_with_the_same_request() -> None:
    shop = Shop(told=[SOLD_OUT, SOLD_OUT])
    crowd, _ = await run(shop, one_buyer())
    assert len(shop.asked) == 3
    assert len(set(shop.asked)) == 1
    assert crowd.outcomes == {"bought": 1}
    assert crowd.first_answers == 1


async def test_nobody_waits_for_what_cannot_come_back() -> None:
    shop = Shop(told=[GONE])
    crowd, _ = await run(shop, one_buyer())
    assert crowd.outcomes == {"left empty-handed": 1}
    assert len(shop.asked) == 1


async def test_who_waits_is_told_when_all_is_sold() -> None:
    shop = Shop(units=0, told=[SOLD_OUT])
    crowd, _ = await run(shop, one_buyer())
    assert crowd.outcomes == {"left empty-handed": 1}
    assert len(shop.asked) == 1


async def test_who_paid_too_late_buys_anew_with_another_request() -> None:
    shop = Shop()
    shop.pay_fails.append(Answer("late_sold_out"))
    crowd, _ = await run(shop, one_buyer())
    assert len(set(shop.asked)) == 2
    assert crowd.outcomes == {"bought": 1}


async def test_busy_is_asked_again_and_counts_from_the_click() -> None:
    shop = Shop(told=[Answer("busy")])
    _, calls = await run(shop, one_buyer())
    assert calls.answers["reserve busy"] == 1
    assert len(set(shop.asked)) == 1
    busy, held = calls.latencies["reserve"].click
    assert held >= busy + 40  # the pause is 50 ms
    assert max(calls.latencies["reserve"].call) < held


async def test_lost_answer_is_asked_again_with_the_same_request() -> None:
    shop = Shop(told=[OutcomeUnknown("gone"), Unavailable("away")])
    _, calls = await run(shop, one_buyer())
    assert len(shop.asked) == 3
    assert len(set(shop.asked)) == 1
    assert calls.answers["reserve unknown"] == 1
    assert calls.answers["reserve unavailable"] == 1


async def test_other_errors_end_the_crowd() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await run(Shop(told=[SeckillError("a bug")]), one_buyer())
    assert raised.group_contains(SeckillError, match="a bug", depth=None)


async def test_shop_window_that_breaks_ends_the_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Shop) -> Stock:
        raise SeckillError("no window")

    monkeypatch.setattr(Shop, "stock", broken)
    with pytest.raises(ExceptionGroup) as raised:
        await run(Shop(told=[SOLD_OUT]), one_buyer())
    assert raised.group_contains(SeckillError, match="no window", depth=None)


async def test_contradiction_is_noticed() -> None:
    shop = Shop(told=[Answer("held", 7), Answer("held", 8)])
    _, calls = await run(shop, one_buyer("twice at once"))
    (line,) = calls.broken
    assert "was answered 7 and 8" in line
    assert sorted(shop.paid) == [7, 8]


async def test_hold_that_nobody_knows_is_noticed() -> None:
    shop = Shop()
    shop.pay_fails.append(UnknownReservation("unknown"))
    _, calls = await run(shop, one_buyer())
    assert calls.broken[0].endswith("was held, pay does not know it")
