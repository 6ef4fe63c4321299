"""Which calls may be tried again, how often, and when an answer settles the question.

Pure: no clock, no sleep, no connection. The client asks `Tries` after each attempt.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from seckill.errors import (
    IncompatibleSchema,
    OutcomeUnknown,
    SeckillError,
    Unavailable,
    UnknownStatus,
)

Effect = Literal["read", "repeatable", "once"]
"""What a call does to the books.

`read`: nothing. `repeatable`: the request id, or the contract of the call, makes a second call
change nothing more. `once`: a second call might undo what somebody else did in between, so it
is tried again only where nothing happened."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often the client tries again.

    Attributes:
        deadline_ms: no attempt after the first goes on longer than this after its start, or
            starts less than 100 ms before that; 0 means one attempt.
        max_attempts: attempts in all, the first included.
        base_ms: upper bound of the first pause; each further bound is twice the one before.
        cap_ms: upper bound of any pause. The pause is drawn evenly from half the bound to all
            of it, so that callers who failed together do not return together.
        settle_ms: how long the server may go on with a call whose client has gone. Within this
            time of a lost answer, a refusal does not prove that the lost call changed nothing;
            after it, the refusal is taken. The default is above the 5 seconds that a function
            waits for a lock; with `client_connection_check_interval` set, the server notices
            sooner, and less will do.
    """

    deadline_ms: int = 15_000
    max_attempts: int = 30
    base_ms: int = 20
    cap_ms: int = 1_000
    settle_ms: int = 6_000

    def __post_init__(self) -> None:
        if self.deadline_ms < 0 or self.max_attempts < 1:
            raise ValueError("deadline_ms must be 0 or more, max_attempts 1 or more")
        if not 0 < self.base_ms <= self.cap_ms or self.settle_ms < 0:
            raise ValueError("need 0 < base_ms <= cap_ms and settle_ms >= 0")

    def pause_s(self, failures: int) -> float:
        """Seconds to wait after so many failures (1 or more) in a row."""
        # The exponent is bounded so that a long outage makes no huge integer.
        bound_ms = min(self.cap_ms, self.base_ms * 2 ** min(failures - 1, 30))
        return bound_ms * random.uniform(0.5, 1.0) / 1000


_LEAST_S = 0.1
"""Less time than this and no attempt starts: it would be sent, and its answer hardly be heard."""

NO_RETRY = RetryPolicy(deadline_ms=0, max_attempts=1)
"""One attempt, whatever happens."""


class Tries:
    """The attempts of one call. Instants are seconds of a monotonic clock."""

    __slots__ = ("_attempts", "_deadline", "_effect", "_lost_at", "_open", "_policy")

    def __init__(self, policy: RetryPolicy, effect: Effect, now: float) -> None:
        self._policy = policy
        self._effect: Effect = effect
        self._deadline = now + policy.deadline_ms / 1000
        self._attempts = 0
        self._open: OutcomeUnknown | None = None  # an attempt whose outcome nobody knows yet
        self._lost_at: float | None = None  # the last one that the server may still be at

    def attempt_ends(self, now: float, timeout_s: float) -> float:
        """When an attempt that starts now must have its answer."""
        # The first attempt always has its full time; later ones share what is left.
        return now + timeout_s if not self._attempts else min(now + timeout_s, self._deadline)

    def after_answer(self, now: float, *, proof: bool) -> float | None:
        """None: the answer stands. Else: ask again after so many seconds.

        Args:
            now: this instant.
            proof: whether the answer shows by itself what became of every earlier attempt
                (a hold does, a refusal stores nothing and does not).
        """
        if proof or self._lost_at is None:
            return None
        return self._wait_to_settle(now)

    def after_error(self, error: SeckillError, now: float) -> float:
        """Seconds to wait before the next attempt; raises what the caller is to see if none."""
        self._attempts += 1
        if isinstance(error, OutcomeUnknown):
            if self._effect == "once" or isinstance(error, UnknownStatus):
                raise error
            self._open = error
            # An earlier attempt may still run, even where this one surely ended.
            if _may_still_run(error):
                self._lost_at = now
        elif isinstance(error, IncompatibleSchema):
            # Nothing was asked this time, so it tells nothing of an attempt before it.
            self._give_up(error)
        elif not isinstance(error, Unavailable):
            # An error of the arguments or the state: final, once it speaks for all attempts.
            wait = self._wait_to_settle(now) if self._lost_at is not None else None
            if wait is None:
                raise error
            return wait
        pause = self._policy.pause_s(self._attempts)
        if self._attempts >= self._policy.max_attempts or not self._has_time(now + pause):
            self._give_up(error)
        return pause

    def _wait_to_settle(self, now: float) -> float | None:
        assert self._lost_at is not None
        settled_at = self._lost_at + self._policy.settle_ms / 1000
        if now >= settled_at:
            return None
        if not self._has_time(settled_at):
            raise self._still_open()
        return settled_at - now

    def _has_time(self, starts: float) -> bool:
        return starts + _LEAST_S <= self._deadline

    def _give_up(self, error: SeckillError) -> None:
        # "Nothing happened" is true of the last attempt only, when an earlier one is open.
        if self._open is not None and not isinstance(error, OutcomeUnknown):
            raise self._still_open() from error
        raise error

    def _still_open(self) -> OutcomeUnknown:
        assert self._open is not None
        return self._open


def _may_still_run(error: OutcomeUnknown) -> bool:
    # PostgreSQL's own last words (57P01, a cancelled wait for the standby) come from a call that
    # has ended. A silent loss, a timeout or the pooler's 08P01 say nothing about the server.
    return error.sqlstate is None or error.sqlstate == "08P01"
