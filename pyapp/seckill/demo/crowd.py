"""What buyers do: who clicks how, who pays, and who waits for units to come back.

Who does what follows from the seed alone; who wins is decided by the race.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Literal
from uuid import NAMESPACE_OID, UUID, uuid5

from seckill.demo.calls import Calls
from seckill.demo.shop import Answer, Shop
from seckill.errors import Unavailable

Clicks = Literal["once", "twice at once", "twice", "cheat"]
Then = Literal["pay", "cancel", "never pay"]

# In percent.
_CLICKS: dict[Clicks, int] = {"once": 78, "twice at once": 8, "twice": 6, "cheat": 8}
_THEN: dict[Then, int] = {"pay": 80, "cancel": 8, "never pay": 12}
_CHEATS = 3  # request ids that a cheat tries with, at once

# Who has many accounts sends them all to one address and has few phones.
_SHARING = 0.4  # of all accounts
_RING = 30  # of so many numbers in a row, those that share do so with each other
_RING_PHONES = 3

_LOOK_S = 0.2  # between two looks at the shop window
_BUSY_S = 0.05


@dataclass(frozen=True, slots=True)
class Buyer:
    """One buyer's habits.

    Attributes:
        number: from 0.
        user_id: as the shop knows him.
        clicks: `twice` and `twice at once` repeat one request id; a `cheat` makes up new ones.
        then: what he does with a hold.
        thinks_s: seconds between the hold and that.
        phone: his, or one that several accounts share.
        address: likewise; who shares a phone shares an address too.
    """

    number: int
    user_id: str
    clicks: Clicks
    then: Then
    thinks_s: float
    phone: str
    address: str

    def request_ids(self, seed: int, attempt: int) -> tuple[UUID, ...]:
        """The request ids of an attempt to buy, in the order of the clicks.

        An attempt ends with a hold, however it ends; the same ids ask again after a refusal.
        """
        count = _CHEATS if self.clicks == "cheat" else 1
        name = f"seckill demo/{seed}/{self.number}/{attempt}"
        ids = tuple(uuid5(NAMESPACE_OID, f"{name}/{click}") for click in range(count))
        return ids * 2 if self.clicks in ("twice", "twice at once") else ids


def buyer(seed: int, number: int) -> Buyer:
    """The buyer of this number; the same seed gives the same."""
    chance = random.Random(f"{seed}/{number}")
    clicks = chance.choices(list(_CLICKS), list(_CLICKS.values()))[0]
    then = chance.choices(list(_THEN), list(_THEN.values()))[0]
    thinks_s = chance.uniform(0.05, 0.8)
    if chance.random() < _SHARING:
        address = f"ring {number // _RING}"
        phone = f"{address}, phone {number % _RING_PHONES}"
    else:
        address = phone = f"of buyer {number}"
    return Buyer(number, f"buyer-{number:06}", clicks, then, thinks_s, phone, address)


class WaitingRoom:
    """Where refused buyers wait until the shop window shows units again.

    Args:
        shop: whose window.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._waiting: deque[asyncio.Future[float | None]] = deque()
        self._called = 0  # called up and not answered yet
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self) -> float | None:
        """The instant at which this buyer is called up; None when everything is gone."""
        if self._closed:
            return None
        turn: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        return await turn

    def answered(self) -> None:
        """A buyer who had been called up has his answer."""
        self._called -= 1

    async def watch(self) -> None:
        """Look at the window again and again until everything is gone."""
        while not self._closed:
            await asyncio.sleep(_LOOK_S)
            try:
                stock = await self._shop.stock()
            except Unavailable:
                continue
            self._closed = stock.settled
            calls = len(self._waiting) if self._closed else stock.available - self._called
            while self._waiting and calls > 0:
                calls -= 1
                if not self._closed:
                    self._called += 1
                self._waiting.popleft().set_result(None if self._closed else monotonic())


class Visit:
    """A buyer in the shop: his clicks, and what he does with what they bring.

    Args:
        one: who.
        calls: how to call the shop.
        seed: of the request ids.

    Attributes:
        again: he has been here before.
        outcome: how it ended, once `go` has said so.
        may_return: units are held unpaid, so it may be worth waiting.
    """

    def __init__(self, one: Buyer, calls: Calls, seed: int) -> None:
        self.again = False
        self.may_return = False
        self.outcome = ""
        self._one = one
        self._calls = calls
        self._seed = seed
        self._attempt = 0
        self._held: set[int] = set()
        self._answered: Callable[[], None] | None = None

    async def go(self, since: float, answered: Callable[[], None]) -> bool:
        """Click as he is used to; whether he need not come again.

        Args:
            since: the instant (monotonic) of the first click.
            answered: told once, when he has an answer.
        """
        self.again = True
        self.may_return = False
        self._answered = answered
        self._held.clear()
        ids = self._one.request_ids(self._seed, self._attempt)
        if self._one.clicks == "twice":
            await self._click(ids[0], since, again=ids[1])
        else:
            await asyncio.gather(*(self._click(request_id, since) for request_id in ids))
        if self._held and not self.outcome:
            # He paid too late. What he asks for now is another purchase.
            self._attempt += 1
            self.may_return = True
        return bool(self.outcome)

    async def _click(self, request_id: UUID, since: float, again: UUID | None = None) -> None:
        answer = await self._ask(request_id, since)
        # The second click comes while he sees to what the first one brought.
        await asyncio.gather(
            self._take(answer), *([self._click(again, monotonic())] if again else [])
        )

    async def _ask(self, request_id: UUID, since: float) -> Answer:
        while True:
            answer = await self._calls.reserve(self._one.user_id, request_id, since)
            if answer.status != "busy":
                break
            await asyncio.sleep(_BUSY_S)
        if self._answered is not None:
            self._answered()
            self._answered = None
        return answer

    async def _take(self, answer: Answer) -> None:
        """Do with a hold what this buyer does."""
        held = answer.reservation_id
        if held is None:
            self.may_return |= answer.may_return
            return
        if held in self._held:
            return
        self._held.add(held)
        await asyncio.sleep(self._one.thinks_s)
        match self._one.then:
            case "pay":
                said = await self._calls.pay(self._one.user_id, held, monotonic())
                if said.status == "confirmed":
                    self.outcome = "bought"
            case "cancel":
                await self._calls.cancel(self._one.user_id, held, monotonic())
                self.outcome = "cancelled"
            case "never pay":
                self.outcome = "never paid"


class Crowd:
    """The buyers of one process.

    Args:
        buyers: who they are.
        shop: where they buy.
        calls: how they call it.
        seed: of their request ids.

    Attributes:
        outcomes: how it ended for how many: `bought`, `cancelled`, `never paid`, `left
            empty-handed`.
        first_answers: buyers who have had their first answer.
        answered_at: the instant (monotonic) of the last such answer.
    """

    def __init__(self, buyers: Sequence[Buyer], shop: Shop, calls: Calls, seed: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self.first_answers = 0
        self.answered_at = 0.0
        self._buyers = buyers
        self._calls = calls
        self._seed = seed
        self._room = WaitingRoom(shop)

    @property
    def waiting(self) -> int:
        """Buyers who wait for units to come back."""
        return len(self._room)

    async def run(self, start_at: float) -> None:
        """Let everybody click at one instant (monotonic), and see it through to the end."""
        async with asyncio.TaskGroup() as all_of_it:
            watch = all_of_it.create_task(self._room.watch())
            async with asyncio.TaskGroup() as crowd:
                for one in self._buyers:
                    crowd.create_task(self._shop(one, start_at))
            watch.cancel()

    async def _shop(self, one: Buyer, start_at: float) -> None:
        await asyncio.sleep(start_at - monotonic())
        visit = Visit(one, self._calls, self._seed)
        since: float | None = start_at
        while since is not None:
            if await visit.go(since, self._room.answered if visit.again else self._answered):
                self.outcomes[visit.outcome] += 1
                return
            since = await self._room.wait() if visit.may_return else None
        self.outcomes["left empty-handed"] += 1

    def _answered(self) -> None:
        self.first_answers += 1
        self.answered_at = monotonic()
