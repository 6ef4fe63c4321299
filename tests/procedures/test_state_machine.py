"""Hypothesis walks through the life of a shop, and the plain model of model.py walks beside it.

Every answer is compared, and every row of explain before it; after each step the pools at that
instant, and the stored counters (I1); now and then and at the end the books. CI takes more walks
than a run elsewhere. SECKILL_STATE_EXAMPLES (and _WALKS), _STEPS and _SEED ask for more, longer or
other walks; _SHRINK=1 for the shortest walk to a fault.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fix_database import Database
from tests.fix_postgres import IN_CI
from tests.procedures.model import Check, Model
from tests.procedures.model_limits import (
    HOUR,
    Limit,
    Order,
    Reservation,
    calendar_window,
    midnight,
    use_of,
)
from tests.procedures.model_stock import Activity
from tests.procedures.walk import ANY_LINES, MINUTE, REGIONS, STARTS, WAITS, Wish
from tests.procedures.walk_buyers import (
    CHANGES,
    PAYERS,
    PAYMENTS,
    REQUESTS,
    WHAT,
    Ask,
    Buyers,
)
from tests.procedures.walk_operators import (
    BASES,
    CALLS,
    DIMENSIONS,
    EXPECTED,
    MEASURES,
    MODES,
    NAMES,
    PERIODS,
    POOLS,
    SCOPES,
    ZONES,
    Operators,
)

SEED = int(os.environ.get("SECKILL_STATE_SEED", "20301111"))
EXAMPLES = int(os.environ.get("SECKILL_STATE_EXAMPLES", "20" if IN_CI else "12"))
# So many meet every answer; the first few of them, most.
ALL_WALKS = 50
WALKS = int(os.environ.get("SECKILL_STATE_WALKS", ALL_WALKS if IN_CI else 12))
STEPS = int(os.environ.get("SECKILL_STATE_STEPS", "40"))

# Minutes of work, so only for a person who looks for the shortest walk to a fault.
SHRINK = os.environ.get("SECKILL_STATE_SHRINK") == "1"


class Life(Buyers, Operators):
    """Buyers and operators in one shop."""


@pytest.fixture
def walk(db: Database) -> Iterator[type[Life]]:
    """The machine, in a database of its own."""
    with (
        db.connect("operator", direct=True) as operator,
        db.connect("superuser") as superuser,
    ):
        names = {"operator": operator, "superuser": superuser, "seen": Counter[str]()}
        yield type("Walk", (Life,), names)


def test_every_walk_ends_where_the_model_does(db: Database, walk: type[Life]):
    examples = EXAMPLES if db.target.startswith("18") else max(EXAMPLES // 3, 1)
    print(f"SECKILL_STATE_SEED={SEED} SECKILL_STATE_EXAMPLES={examples}")
    run_state_machine_as_test(
        seed(SEED)(walk),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink] if SHRINK else [Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


# What the calls can answer, "again" where nothing was changed; and what a limit can say.
POSSIBLE = {
    *("reserve held", "reserve held again", "reserve sold_out", "reserve limit_exceeded"),
    *("reserve not_eligible", "reserve not_started", "reserve paused", "reserve ended"),
    *("reserve SK001", "reserve SK004"),
    *("limit final", "limit not_yet", "limit may_return"),
    *("confirm confirmed", "confirm confirmed again", "confirm confirmed late"),
    *("confirm confirmed late again", "confirm cancelled"),
    *("confirm duplicate_payment", "confirm duplicate_payment again"),
    *("confirm duplicate_payment late", "confirm duplicate_payment late again"),
    *("confirm late_sold_out", "confirm late_sold_out again"),
    *("confirm late_limit_exceeded", "confirm late_limit_exceeded again"),
    *("cancel cancelled", "cancel cancelled again", "cancel expired"),
    *("cancel confirmed", "cancel confirmed late"),
    *("confirm refunded", "confirm refunded late", "cancel refunded", "cancel refunded late"),
    *("refund refunded", "refund refunded again"),
    *("refund refunded late", "refund refunded late again"),
    *("refund partly_refunded", "refund partly_refunded again"),
    *("refund partly_refunded late", "refund partly_refunded late again"),
    *("refund SK001", "refund SK004", "refund SK006"),
    *("batch confirmed", "batch confirmed late", "batch cancelled", "batch refunded"),
    *("batch refunded late", "batch duplicate_payment", "batch duplicate_payment late"),
    *("batch late_sold_out", "batch late_limit_exceeded", "batch SK001", "batch SK008"),
    *("allocate", "allocate paying", "allocate SK007"),
    *("total raise", "total raise SK007", "total again", "total SK006"),
    *("total reject", "total floor", "total drain", "total drain owing"),
    *("total revoke", "total revoke revoking", "total lower SK007"),
}


@pytest.mark.targets("18-pooled")
def test_plain_chance_meets_every_answer(walk: type[Life]):
    """Hypothesis prefers simple walks; these take every step with the same chance."""
    chance = random.Random(SEED)
    for _ in range(WALKS):
        life = walk()
        life.open_the_shop(
            chance.choice(STARTS), chance.choice((0, 0, 20)), chance.choice((None, None, 2, 3))
        )
        for step in range(STEPS):
            if step == STEPS * 3 // 4 and chance.random() < 0.3:
                life.operate(0, "close")
            step_by_chance(life, chance)
            life.the_pools_agree()
        life.teardown()
    answers = {kind for kind in walk.seen if kind in POSSIBLE or kind.split()[0] in CALLED}
    assert answers <= POSSIBLE, answers - POSSIBLE
    if WALKS < ALL_WALKS:
        assert len(answers) > len(POSSIBLE) / 2, POSSIBLE - answers
        return
    assert answers == POSSIBLE, answers ^ POSSIBLE
    # Of the limits that refused: every dimension, global ones, and most metrics and windows.
    words = {word for kind in walk.seen if kind not in answers for word in kind.split()}
    measures = {word for pair in MEASURES for word in pair}
    assert words >= {"global", *DIMENSIONS}, words
    assert len(words & measures) > len(measures) / 2, words


CALLED = ("reserve", "confirm", "cancel", "limit", "refund", "batch", "total", "allocate")


def step_by_chance(life: Life, chance: random.Random) -> None:
    """One rule with arguments drawn evenly."""
    wait = chance.choices(WAITS, (12, 4, 2, 5, 1, 1, 2))[0]
    number = chance.randrange(10_000)
    draw = chance.random()
    if draw < 0.33 or not life.model.reservations:
        life.reserve(wait, [a_wish(chance) for _ in range(chance.choice((1, 1, 2)))])
    elif draw < 0.38:
        life.reserve_as_a_shop_does(a_wish(chance), chance.random() < 0.5)
    elif draw < 0.42:
        life.reserve_with_an_old_request_id(number, chance.choice(CHANGES))
    elif draw < 0.59:
        calls = chance.choices(("first", "first", "second", "cancel"), k=chance.randint(1, 3))
        life.settle(wait, number, calls)
    elif draw < 0.63:
        life.settle_together(wait, [a_payment(chance) for _ in range(chance.randint(1, 5))])
    elif draw < 0.73:
        life.refund(wait, number, [an_ask(chance) for _ in range(chance.randint(1, 3))])
    elif draw < 0.82:
        other_stock(life, wait, chance)
    elif draw < 0.84:
        life.sweep(wait, chance.choice((1, 1000)))
    elif draw < 0.855:
        life.look(number, chance.choice(("ann", "bob", "cid")))
    elif draw < 0.87:
        life.ask_for_the_use_of_limits(a_wish(chance))
    elif draw < 0.925:
        a_rule(life, chance)
    else:
        an_errand(life, wait, chance)


def an_ask(chance: random.Random) -> Ask:
    """Any refund."""
    return Ask(
        what=chance.choice(WHAT),
        units=chance.choice((1, 1, 2)),
        request=chance.choice(REQUESTS),
        restock=chance.random() < 0.6,
        restore=chance.random() < 0.6,
    )


def a_payment(chance: random.Random) -> tuple[int, str | None, str]:
    """A line of a file of payments."""
    payment = chance.choices(PAYMENTS, (6, 3, 2, 1))[0]
    return chance.randrange(10_000), payment, chance.choices(PAYERS, (10, 1, 1))[0]


def a_wish(chance: random.Random) -> Wish:
    """Any order of any buyer."""
    return Wish(
        activity=chance.choice((0, 0, 0, 0, 1)),
        user=chance.choice(("ann", "bob", "cid")),
        lines=chance.choice(ANY_LINES),
        region=chance.choice((*REGIONS, "*", "*", "*")),
        phone=chance.choice(("1", "1", "2", "3", None)),
        address=chance.choice(("x", "y", "z", None)),
    )


def a_rule(life: Life, chance: random.Random) -> None:
    """A limit is set; small ones less often, as they end a walk's purchases."""
    life.set_a_limit(
        chance.choice(SCOPES),
        chance.choice(NAMES),
        chance.choice(DIMENSIONS),
        chance.choice(MEASURES),
        chance.choice((1, 2, 2, 3, 4)),
        chance.choice((None, None, 0, 1)),
        chance.choice(PERIODS),
        chance.choice(ZONES),
        chance.random() < 0.2,
    )


# A pool, as the rules name it: the sale's number, and a pool of POOLS.
Place = tuple[int, tuple[int, str]]
PLACES: list[Place] = [*((0, place) for place in POOLS), (1, POOLS[0])]


def a_place(chance: random.Random, telling: list[Place]) -> Place:
    """Any pool, mostly one of those that can tell a right answer from a wrong one."""
    return chance.choice(telling if telling and chance.random() < 0.8 else PLACES)


def other_stock(life: Life, wait: str, chance: random.Random) -> None:
    """A total for a pool, mostly one with open holds; and units for one that owes some."""
    model = life.model
    pools = {place: (place[0], *life.key(*place), life.now) for place in PLACES}
    number, place = a_place(chance, [p for p, pool in pools.items() if model.taken(*pool, "held")])
    if chance.random() < 0.8:
        life.set_a_total(
            chance.choice((wait, "nothing", "nothing")),
            number,
            place,
            chance.choice((*BASES, "out")),
            chance.choice((-3, -2, -1, -1, 0, 1, 2)),
            chance.choice((*MODES, "drain")),
            chance.choices(EXPECTED, (3, 1, 3))[0],
        )
    pools = {place: (place[0], *life.key(*place), life.now) for place in PLACES}
    owing = [place for place, pool in pools.items() if model.owed(*pool)]
    if chance.random() < (0.5 if owing else 0.2):
        number, place = a_place(chance, owing)
        life.allocate(
            chance.choice((wait, "nothing")),
            number,
            place,
            chance.randint(1, 3),
            chance.random() < 0.4,
        )


def an_errand(life: Life, wait: str, chance: random.Random) -> None:
    """Anything else that an operator does."""
    number = chance.choice((0, 0, 0, 1))
    dimension = chance.choice(DIMENSIONS)
    draw = chance.random()
    if draw < 0.2:
        life.drop_a_limit(chance.choice(SCOPES), chance.choice(NAMES))
    elif draw < 0.3:
        life.block_or_unblock(number, dimension, chance.choice((0, 1)), chance.random() < 0.4)
    elif draw < 0.4:
        life.change_who_is_eligible(
            number, dimension, chance.choice(((0,), (0, 1))), chance.random() < 0.7
        )
    elif draw < 0.48:
        life.require_a_list(number, dimension, chance.random() < 0.3)
    elif draw < 0.67:
        plan = [
            (chance.choice((0, 1, 30, 600)), chance.randint(1, 2))
            for _ in range(chance.randint(0, 2))
        ]
        life.plan_releases(wait, number, chance.choice(POOLS), plan)
    elif draw < 0.77:
        life.move_to_another_region(chance.random() < 0.5, chance.randint(1, 2))
    elif draw < 0.82:
        life.look_at_the_books(wait)
    else:
        life.operate(number, chance.choices(CALLS, (3, 3, 1))[0])


# A model that is wrong in the same way as the functions would prove nothing.

BERLIN, HAVANA = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Havana")
LORD_HOWE, SHANGHAI = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("kind", "zone", "at", "begin", "lasts"),
    [
        ("day", SHANGHAI, "2030-01-01T15:59:59", "2029-12-31T16:00:00", 24),
        ("day", SHANGHAI, "2030-01-01T16:00:00", "2030-01-01T16:00:00", 24),
        ("day", BERLIN, "2030-03-31T12:00:00", "2030-03-30T23:00:00", 23),
        ("day", BERLIN, "2030-10-27T12:00:00", "2030-10-26T22:00:00", 25),
        ("day", HAVANA, "2030-11-03T05:30:00", "2030-11-03T04:00:00", 25),
        ("day", LORD_HOWE, "2030-04-07T00:00:00", "2030-04-06T13:00:00", 24.5),
        ("hour", LORD_HOWE, "2030-04-07T13:15:00", "2030-04-07T13:00:00", 0.5),
        ("hour", LORD_HOWE, "2030-10-06T13:15:00", "2030-10-06T13:00:00", 1),
        ("week", BERLIN, "2030-03-31T21:59:59", "2030-03-24T23:00:00", 7 * 24 - 1),
        ("week", BERLIN, "2030-03-31T22:00:00", "2030-03-31T22:00:00", 7 * 24),
        ("month", BERLIN, "2030-03-15T00:00:00", "2030-02-28T23:00:00", 31 * 24 - 1),
        ("month", BERLIN, "2030-12-31T22:59:59", "2030-11-30T23:00:00", 31 * 24),
    ],
)
def test_the_model_knows_windows(
    kind: str, zone: ZoneInfo, at: str, begin: str, lasts: float
) -> None:
    """Instants in UTC, written down from the zones' rules."""
    start, end = calendar_window(kind, zone, datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert start == datetime.fromisoformat(begin).replace(tzinfo=UTC)
    assert end - start == lasts * HOUR


def test_the_model_knows_a_rolling_window() -> None:
    """What was bought has left it when the period has passed, not a moment sooner."""
    bought = datetime(2030, 1, 1, tzinfo=UTC)
    order = Order(0, "*", (("sku", 2),), {"user": "ann"})
    paid = Reservation(1, 1, order, bought, bought + HOUR, state="confirmed")
    limit = Limit("user", "units", "rolling", 2, period=HOUR)
    instant = timedelta(microseconds=1)
    for at, used in ((bought, 2), (bought + HOUR - instant, 2), (bought + HOUR, 0)):
        assert use_of(limit, [paid], at, at, BERLIN).used == used
    assert use_of(limit, [paid], bought, bought, BERLIN).resets_at == bought + HOUR


def some_purchases(chance: random.Random, limit: Limit) -> tuple[Model, Order, datetime]:
    """Up to five of one buyer, paid or not, in a sale of three hours; another one, and when."""
    opens = datetime(2030, 1, 1, tzinfo=UTC)
    model = Model(
        [Activity(opens, opens + 3 * HOUR, 15 * MINUTE, BERLIN, {}, limits={"limit": limit})]
    )
    order = Order(0, "*", (("sku", chance.choice((1, 1, 2))),), {"user": "ann"})
    times = sorted(opens + chance.randrange(100) * MINUTE for _ in range(chance.randint(1, 5)))
    for number, at in enumerate(times):
        bought = model.add(number, at, number, order)
        if chance.random() < 0.5:
            model.confirm(at, bought, None)
    return model, order, times[-1] + chance.randrange(12) * MINUTE


def test_the_model_says_the_first_instant_at_which_a_limit_gives_way() -> None:
    """Where nobody calls meanwhile, no instant before retry_at lets the order through."""
    chance = random.Random(SEED)
    met = Counter[str]()
    for _ in range(4000):
        metric, window = chance.choice(MEASURES)
        period = chance.choice((10 * MINUTE, HOUR)) if window == "rolling" else None
        limit = Limit("user", metric, window, chance.randint(1, 4), period=period)
        model, order, now = some_purchases(chance, limit)

        def told(at: datetime, model: Model = model, order: Order = order) -> Check:
            limit = model.activities[0].limits["limit"]
            use = model.use((limit, False), 0, order.user, at, limit.wanted(order))
            return model.check_limit("limit", limit, use, order)

        check = told(now)
        if check.retry_at is None:
            continue
        met[f"{metric} {window} {check.retry}"] += 1
        minutes = (check.retry_at - now) // MINUTE
        assert minutes >= 1
        for wait in range(1, minutes):
            assert told(now + wait * MINUTE).answer, (limit, model.reservations, now, check)
        met["gives way"] += told(check.retry_at).answer is None
    assert met["gives way"] > met.total() / 4, met
    wanted = {"open_holds activity may_return", "expired_holds rolling not_yet"}
    for metric, window in (("units", "hour"), ("units", "rolling"), ("orders", "rolling")):
        wanted |= {f"{metric} {window} may_return", f"{metric} {window} not_yet"}
    assert wanted <= met.keys(), wanted - met.keys()


def test_the_model_knows_that_midnight_comes_twice() -> None:
    assert midnight(datetime(2030, 11, 3).date(), HAVANA) == datetime(2030, 11, 3, 4, tzinfo=UTC)
