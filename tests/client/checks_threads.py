"""As checks_coalesce.py: what only threads can do."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from seckill import Client, _core
from tests.client.checks_coalesce import buy, piled_up, tried
from tests.client.fix_client import blocked_pids, finish, pool_locked, until
from tests.client.fix_coalesce import Arena, asked_of, require_books, require_idle, waiting
from tests.concurrency.sessions import require, require_equal
from tests.fix_sale import Sale


def _interrupted(client: Client, sale: Sale, when: Callable[[], bool]) -> None:
    """A purchase of the main thread, which gets Ctrl-C once something is so."""

    main = threading.get_ident()

    def press() -> None:
        until(when)
        # A real signal: interrupt_main would not end a wait for a lock.
        signal.pthread_kill(main, signal.SIGINT)

    finger = threading.Thread(target=press)
    finger.start()
    try:
        answer = tried(partial(buy, client, sale, "main"))
    except KeyboardInterrupt:
        return
    finally:
        finger.join()
    require(False, f"Ctrl-C was lost: {answer}")


def who_serves_is_interrupted(arena: Arena) -> None:
    """Ctrl-C hits the thread that sends for all: the others try again, and buy once."""
    sale = arena.sale(units=20)
    with asked_of(_core) as asked, Client(arena.buyer, in_flight=1) as client:
        with pool_locked(arena.superuser, sale), arena.connect() as watcher:
            calls = [partial(buy, client, sale, f"user {number}") for number in range(3)]
            first, others = piled_up(client, arena, sale, calls)
            lost = blocked_pids(watcher)
            abandoned: set[int] = set()

            def batch_is_out() -> bool:
                if waiting(client) == 4:  # the main thread too, whose time ends last
                    watcher.execute("select pg_terminate_backend(%s)", [lost[0]])
                abandoned.update(set(blocked_pids(watcher)) - set(lost))
                return bool(abandoned) and "batch of 4" in asked

            _interrupted(client, sale, batch_is_out)
            # PostgreSQL notices by itself that nobody waits for that batch any more.
            until(lambda: not abandoned & set(blocked_pids(watcher)))
            # The others did not wait for their time to be over.
            require_equal(waiting(client), 3, "who tries again")
        answers = [finish(one) for one in [first, *others]]
        require(all(getattr(one, "ok", False) for one in answers), f"answers: {answers}")
        require_idle(client)
    require_books(arena, sale, held=4)


def who_waits_is_interrupted(arena: Arena) -> None:
    """Ctrl-C hits a thread that waits: it buys nothing, and the others buy."""
    sale = arena.sale(units=20)
    with asked_of(_core) as asked, Client(arena.buyer, in_flight=1) as client:
        with pool_locked(arena.superuser, sale):
            calls = [partial(buy, client, sale, f"user {number}") for number in range(3)]
            first, others = piled_up(client, arena, sale, calls)
            _interrupted(client, sale, lambda: waiting(client) == 4)
        answers = [finish(one) for one in [first, *others]]
        require(all(one.ok for one in answers), f"answers: {answers}")
        require_idle(client)
    require_equal(asked, ["one", "batch of 3"], "calls")
    require_books(arena, sale, held=4)


def many_threads_at_once(arena: Arena) -> None:
    """Threads that buy and buy: each has its own answers, limits hold, none waits."""
    sale = arena.sale(units=500, limit=1)

    def shopper(number: int) -> list[Any]:
        found: list[Any] = []
        for turn in range(20):
            user = f"{number}-{turn % 10}"  # some come twice
            answer = tried(partial(buy, client, sale, user))
            if getattr(answer, "status", None) == "held":
                paid = tried(
                    partial(client.confirm, user_id=user, reservation_id=answer.reservation_id)
                )
                require_equal(getattr(paid, "status", paid), "confirmed", "the answer's own buyer")
            found.append(getattr(answer, "status", answer))
        return found

    with Client(arena.buyer, max_size=4, max_batch=7) as client, ThreadPoolExecutor(24) as crowd:
        shoppers = [crowd.submit(shopper, number) for number in range(24)]
        seen = Counter(status for one in shoppers for status in one.result(60))
        require_idle(client)
    require_equal(seen, {"held": 240, "limit_exceeded": 240}, "answers")
    require_books(arena, sale, held=0)


CHECKS: dict[str, Callable[[Arena], None]] = {
    check.__name__: check
    for check in (who_serves_is_interrupted, who_waits_is_interrupted, many_threads_at_once)
}
