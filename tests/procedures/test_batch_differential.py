"""A batch answers as its requests would one after another, and leaves the same books.

Random sequences of requests, cut into random batches, run against one sale; the same requests run
one by one against its twin, and by reserve_now against a third. All get the same instants.
SECKILL_BATCH_SEQUENCES and _SEED ask for more or others.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from seckill import resources
from tests.fix_database import Database, new_database
from tests.fix_pgbouncer import Poolers
from tests.fix_postgres import IN_CI, Server
from tests.fix_sale import Row, Sale, one, violations
from tests.procedures.instants import (
    OPENS,
    another_pool,
    cancel_at,
    confirm_at,
    new_name,
    sale_between,
)
from tests.procedures.rules import set_slots

SEQUENCES = int(os.environ.get("SECKILL_BATCH_SEQUENCES", "60" if IN_CI else "40"))
SEED = int(os.environ.get("SECKILL_BATCH_SEED", "20301111"))
ANSWER = (
    "status",
    "replayed",
    "state",
    "expires_at",
    "limit_name",
    "sku",
    "remaining",
    "epoch",
    "retry",
    "retry_at",
    "error_code",
)
RULES = [
    ("user", "units", "activity", 2),
    ("user", "orders", "day", 1),
    ("phone", "units", "activity", 2),
    ("address", "orders", "activity", 3),
    ("user", "open_holds", "activity", 1),
    ("phone", "expired_holds", "activity", 1),
]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, the same for both sales but for the activity."""

    user: str
    sku: str
    quantity: int
    request: int
    subjects: str
    unknown: bool


def a_request(dice: random.Random, skus: list[str], known: list[Request]) -> Request:
    """A buyer, perhaps one with an old request id, an unknown sku, or nonsense."""
    if known and dice.random() < 0.12:
        old = dice.choice(known)
        again = dice.random() < 0.7
        return old if again else Request(old.user, dice.choice(skus), 2, old.request, "{}", False)
    subjects: dict[str, Any] = {}
    if dice.random() < 0.9:
        subjects["phone"] = f"p{dice.randrange(12)}"
    if dice.random() < 0.5:
        subjects["address"] = f"a{dice.randrange(4)}"
    sku = dice.choice([*skus, *skus, *skus, "no such sku"])
    quantity = dice.choice([1, 1, 1, 1, 2, 3, 0])
    text = json.dumps(subjects) if dice.random() > 0.03 else "[]"
    return Request(
        f"u{dice.randrange(25)}", sku, quantity, dice.randrange(10**9), text, dice.random() < 0.02
    )


def batch_of(superuser: Connection[Any], sale: Sale, at: Any, requests: list[Request]) -> list[Row]:
    """The body of seckill.reserve_batch at an instant."""
    return superuser.execute(
        """
        select * from seckill_private.reserve_batch_at(
                 %(at)s, seckill_private.read_requests(
                   %(activities)s::bigint[], %(users)s::text[], %(skus)s::text[],
                   %(quantities)s::integer[], %(requests)s::uuid[], %(regions)s::text[],
                   %(subjects)s::jsonb[]))""",
        {
            "at": at,
            "activities": [8_000_000 if r.unknown else sale.activity_id for r in requests],
            "users": [r.user for r in requests],
            "skus": [r.sku for r in requests],
            "quantities": [r.quantity for r in requests],
            "requests": [UUID(int=r.request) for r in requests],
            "regions": ["*"] * len(requests),
            "subjects": [r.subjects for r in requests],
        },
    ).fetchall()


def single_of(superuser: Connection[Any], sale: Sale, at: Any, request: Request) -> Row | str:
    """What seckill.reserve does, at an instant: its answer, or the SQLSTATE."""
    arguments = {
        "at": at,
        "activity": 8_000_000 if request.unknown else sale.activity_id,
        "user": request.user,
        "sku": request.sku,
        "quantity": request.quantity,
        "request": UUID(int=request.request),
        "subjects": request.subjects,
    }
    try:
        superuser.execute(
            """
            select seckill_private.validate_request(
                     %(activity)s::bigint, %(user)s, array[%(sku)s]::text[],
                     array[%(quantity)s]::integer[], %(request)s, '*')""",
            arguments,
        )
        return one(
            superuser,
            """
            select * from seckill_private.reserve_at(
                     %(at)s, %(activity)s::bigint, %(user)s, array[%(sku)s]::text[],
                     array[%(quantity)s]::integer[], %(request)s, '*',
                     seckill_private.subject_digests(%(subjects)s))""",
            **arguments,
        )
    except psycopg.Error as error:
        return str(error.sqlstate)


def now_of(superuser: Connection[Any], sale: Sale, request: Request) -> Row | str:
    """What seckill.reserve_now answers, or the SQLSTATE; the instant is that of `clocked`."""
    try:
        return one(
            superuser,
            """
            call seckill.reserve_now(
                   p_activity_id => %(activity)s, p_user_id => %(user)s, p_sku => %(sku)s,
                   p_quantity => %(quantity)s, p_request_id => %(request)s,
                   p_subjects => %(subjects)s)""",
            activity=8_000_000 if request.unknown else sale.activity_id,
            user=request.user,
            sku=request.sku,
            quantity=request.quantity,
            request=UUID(int=request.request),
            subjects=request.subjects,
        )
    except psycopg.Error as error:
        return str(error.sqlstate)


def answer_of(row: Row, *, epoch: bool) -> tuple[Any, ...]:
    """What can be compared; reservation ids differ."""
    return tuple(getattr(row, name) for name in ANSWER if epoch or name != "epoch")


def books_of(superuser: Connection[Any], sale: Sale) -> list[Row]:
    """Reservations and slots, without what names the activity."""
    return superuser.execute(
        """
        select p.sku, s.total, s.available, s.held, s.sold, s.version, s.epoch,
               (select array_agg((r.user_id, r.request_id, r.state, r.created_at, r.expires_at,
                                  r.quantities, r.versions, r.subjects)::text order by r.versions)
                  from seckill_private.reservation as r
                 where r.pool_ids = array[p.pool_id]) as reservations
          from seckill_private.pool as p
          join seckill_private.pool_slot as s on s.pool_id = p.pool_id
         where p.activity_id = %s
         order by p.sku""",
        [sale.activity_id],
    ).fetchall()


def triplets(
    operator: Connection[Any], superuser: Connection[Any], dice: random.Random
) -> list[Sale]:
    """Three sales of the same skus, units and rules."""
    skus = sorted(new_name() for _ in range(dice.choice([1, 1, 2, 3])))
    units = [dice.choice([2, 5, 12, 40]) for _ in skus]
    rules = dice.sample(RULES, dice.randrange(4))
    lists = dice.random() < 0.2
    made: list[Sale] = []
    for _ in range(3):
        sale = sale_between(
            operator, superuser, sku=skus[0], units=units[0], hold=timedelta(minutes=5)
        )
        for sku, count in zip(skus[1:], units[1:], strict=True):
            another_pool(operator, superuser, sale, units=count, sku=sku)
        for dimension, metric, window, maximum in rules:
            one(
                operator,
                """
                select status from seckill.set_limit(
                         p_activity_id => %(id)s, p_name => %(name)s, p_dimension => %(dimension)s,
                         p_metric => %(metric)s, p_window => %(window)s, p_maximum => %(maximum)s,
                         p_required => %(required)s)""",
                id=sale.activity_id,
                name=f"{dimension} {metric}",
                dimension=dimension,
                metric=metric,
                window=window,
                maximum=maximum,
                required=dimension == "phone",
            )
        if lists:
            one(
                operator,
                "select status from seckill.block(%(id)s, 'user', array['u1', 'u2'])",
                id=sale.activity_id,
            )
        made.append(sale)
    return made


@pytest.fixture(scope="module")
def clocked(
    target: str, server: Server, templates: Callable[[Server], str], poolers: Poolers
) -> Iterator[Database]:
    """A database in which seckill.reserve, and nothing else, reads the clock from a table.

    reserve_now calls it, and can be told the time in no other way.
    """
    living = (resources.procedures() / "buying" / "reserve.sql").read_text(encoding="utf-8")
    reads_the_clock = "reserve_at(\n    null, "
    assert living.count(reads_the_clock) == 1
    with new_database(server, templates(server)) as name:
        made = Database(name, target, server, poolers)
        with made.connect("superuser") as superuser:
            superuser.execute("create table public.clock (at timestamptz)")
            superuser.execute("insert into public.clock values (null)")
            superuser.execute("grant select on public.clock to seckill_owner")
            told = reads_the_clock.replace("null", "(select c.at from public.clock as c)")
            superuser.execute(living.replace(reads_the_clock, told).encode())
        yield made


@pytest.fixture(scope="module")
def operator(clocked: Database) -> Iterator[Connection[Any]]:
    """Runs the sales."""
    with clocked.connect("operator") as connection:
        yield connection


@pytest.fixture(scope="module")
def superuser(clocked: Database) -> Iterator[Connection[Any]]:
    """Chooses the instants."""
    with clocked.connect("superuser") as connection:
        yield connection


def pools_of(superuser: Connection[Any], sale: Sale) -> list[Row]:
    """What can be compared where slots differ: versions and epochs count their levelling too."""
    return superuser.execute(
        """
        select p.sku, sum(s.total) as total, sum(s.available) as available, sum(s.held) as held,
               sum(s.sold) as sold,
               (select array_agg((r.user_id, r.request_id, r.state, r.created_at, r.expires_at,
                                  r.quantities, r.subjects)::text order by r.user_id, r.request_id)
                  from seckill_private.reservation as r
                 where r.pool_ids = array[p.pool_id]) as reservations
          from seckill_private.pool as p
          join seckill_private.pool_slot as s on s.pool_id = p.pool_id
         where p.activity_id = %s
         group by p.pool_id
         order by p.sku""",
        [sale.activity_id],
    ).fetchall()


@pytest.mark.parametrize("number", range(SEQUENCES))
def test_a_batch_is_its_requests_one_after_another(
    operator: Connection[Any], superuser: Connection[Any], number: int
) -> None:
    compare(operator, superuser, random.Random(f"{SEED} {number}"), slots=None)


@pytest.mark.parametrize("number", range(SEQUENCES // 2))
def test_slots_change_no_answer(
    operator: Connection[Any], superuser: Connection[Any], number: int
) -> None:
    """The three have different numbers of slots, and others again while they sell."""
    compare(operator, superuser, random.Random(f"{SEED} slots {number}"), slots=[1, 2, 4, 7])


def compare(
    operator: Connection[Any],
    superuser: Connection[Any],
    dice: random.Random,
    slots: list[int] | None,
) -> None:
    """One random sequence: by batch, one by one, and by reserve_now."""
    sales = batched, single, now = triplets(operator, superuser, dice)
    skus = [row.sku for row in books_of(superuser, batched)]
    books = books_of if slots is None else pools_of
    known: list[Request] = []
    at = OPENS
    for _ in range(dice.randrange(2, 6)):
        for sale, sku in itertools.product(sales, skus if slots else []):
            if dice.random() < 0.7:
                pool = Sale(sale.activity_id, sku, sale.region)
                set_slots(operator, pool, dice.choice(slots or []))
        at += dice.choice([timedelta(0), timedelta(minutes=1), timedelta(minutes=6)])
        requests = [a_request(dice, skus, known) for _ in range(dice.choice([1, 4, 12, 30]))]
        known += requests
        superuser.execute("update public.clock set at = %s", [at])
        by_batch = batch_of(superuser, batched, at, requests)
        one_by_one = [single_of(superuser, single, at, request) for request in requests]
        by_now = [now_of(superuser, now, request) for request in requests]
        answers = zip(by_batch, one_by_one, by_now, strict=True)
        for place, (mine, twin, third) in enumerate(answers, start=1):
            if isinstance(twin, str):
                assert (mine.status, mine.ordinal, mine.error_code) == ("error", place, twin)
                assert third == twin
                continue
            assert mine.ordinal == place
            assert not isinstance(third, str), third
            told = answer_of(mine, epoch=slots is None)
            assert told == answer_of(twin, epoch=slots is None)
            assert told == answer_of(third, epoch=slots is None)
            if mine.status == "held" and not mine.replayed and dice.random() < 0.4:
                settle = dice.choice([confirm_at, cancel_at])
                user = requests[mine.ordinal - 1].user
                for row in (mine, twin, third):
                    settle(superuser, row.reservation_id, at, user=user)
        assert books(superuser, batched) == books(superuser, single) == books(superuser, now)
    for sale in sales:
        assert violations(operator, sale) == []
