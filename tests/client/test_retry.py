"""The retry policy by itself: no clock, no sleep, no database."""

from __future__ import annotations

import dataclasses

import pytest

from seckill import ReserveResult, _calls
from seckill.errors import (
    IncompatibleSchema,
    OutcomeUnknown,
    SeckillError,
    StockShortfall,
    Unavailable,
    UnknownStatus,
)
from seckill.retry import NO_RETRY, Effect, RetryPolicy, Tries

POLICY = RetryPolicy(deadline_ms=10_000, max_attempts=5, base_ms=100, cap_ms=400, settle_ms=2_000)


def tries(effect: Effect = "repeatable", policy: RetryPolicy = POLICY) -> Tries:
    return Tries(policy, effect, now=0.0)


def test_pauses_grow_to_the_cap_and_are_drawn() -> None:
    for failures, bound in ((1, 0.1), (2, 0.2), (3, 0.4), (4, 0.4), (1_000, 0.4)):
        drawn = {POLICY.pause_s(failures) for _ in range(50)}
        assert all(bound / 2 <= pause <= bound for pause in drawn)
        assert len(drawn) > 1


@pytest.mark.parametrize("effect", ["read", "repeatable", "once"])
def test_where_nothing_happened_every_call_is_tried_again(effect: Effect) -> None:
    run = tries(effect)
    assert run.after_error(Unavailable("busy"), now=0.0) > 0
    assert run.after_answer(now=0.1, proof=False) is None


def test_a_schema_that_is_not_known_ends_the_call_and_leaves_open_what_was_open() -> None:
    with pytest.raises(IncompatibleSchema):
        tries().after_error(IncompatibleSchema("contract 2"), now=0.0)
    run = tries()
    run.after_error(OutcomeUnknown("lost"), now=0.0)
    with pytest.raises(OutcomeUnknown, match="lost"):
        run.after_error(IncompatibleSchema("contract 2"), now=0.1)


def test_attempts_are_bounded() -> None:
    run = tries()
    for _ in range(4):
        run.after_error(Unavailable("busy"), now=0.0)
    with pytest.raises(Unavailable):
        run.after_error(Unavailable("busy"), now=0.0)


def test_time_is_bounded() -> None:
    with pytest.raises(Unavailable):
        tries().after_error(Unavailable("busy"), now=9.99)
    with pytest.raises(Unavailable):
        tries(policy=NO_RETRY).after_error(Unavailable("busy"), now=0.0)


def test_no_attempt_starts_that_would_have_no_time() -> None:
    """It would be sent all the same, and its answer be an open question."""
    policy = RetryPolicy(deadline_ms=1_000, base_ms=20, cap_ms=20)
    assert tries(policy=policy).after_error(Unavailable("busy"), now=0.87) <= 0.02
    with pytest.raises(Unavailable):
        tries(policy=policy).after_error(Unavailable("busy"), now=0.9)
    run = tries(policy=policy)
    lost = OutcomeUnknown("lost")
    run.after_error(lost, now=0.5)
    with pytest.raises(OutcomeUnknown) as caught:  # what is unknown stays so
        run.after_error(Unavailable("busy"), now=0.9)
    assert caught.value is lost
    run = tries(policy=RetryPolicy(deadline_ms=1_000, settle_ms=500))
    run.after_error(lost, now=0.45)
    with pytest.raises(OutcomeUnknown):  # asked again at 0.95
        run.after_answer(now=0.5, proof=False)


def test_the_first_attempt_has_its_full_time_and_later_ones_what_is_left() -> None:
    run = tries()
    assert run.attempt_ends(now=0.0, timeout_s=30.0) == 30.0
    run.after_error(Unavailable("busy"), now=1.0)
    assert run.attempt_ends(now=1.0, timeout_s=5.0) == 6.0
    assert run.attempt_ends(now=8.0, timeout_s=5.0) == 10.0


def test_a_lost_call_that_may_not_repeat_is_given_up() -> None:
    lost = OutcomeUnknown("lost")
    with pytest.raises(OutcomeUnknown) as caught:
        tries("once").after_error(lost, now=0.0)
    assert caught.value is lost


def test_once_lost_the_end_is_unknown_although_the_last_attempt_did_nothing() -> None:
    run = tries()
    lost = OutcomeUnknown("lost")
    run.after_error(lost, now=0.0)
    with pytest.raises(OutcomeUnknown) as caught:
        run.after_error(Unavailable("down"), now=9.99)
    assert caught.value is lost
    assert isinstance(caught.value.__cause__, Unavailable)


def test_proof_settles_at_once() -> None:
    run = tries()
    run.after_error(OutcomeUnknown("lost"), now=0.0)
    assert run.after_answer(now=0.1, proof=True) is None


def test_a_refusal_settles_when_the_lost_call_can_no_longer_run() -> None:
    run = tries()
    run.after_error(OutcomeUnknown("lost"), now=1.0)
    assert run.after_answer(now=1.5, proof=False) == pytest.approx(1.5)
    assert run.after_answer(now=3.0, proof=False) is None


def test_a_refusal_settles_at_once_when_the_server_said_that_the_call_ended() -> None:
    run = tries()
    run.after_error(OutcomeUnknown("told to end", sqlstate="57P01"), now=1.0)
    assert run.after_answer(now=1.1, proof=False) is None


def test_the_end_of_one_attempt_says_nothing_about_an_earlier_one() -> None:
    asked = tries()
    asked.after_error(OutcomeUnknown("no answer in time"), 1.0)
    asked.after_error(OutcomeUnknown("terminated", sqlstate="57P01"), 1.5)
    assert asked.after_answer(1.6, proof=False) == pytest.approx(1.4)
    assert asked.after_answer(3.0, proof=False) is None


def test_a_refusal_too_late_to_settle_is_no_answer() -> None:
    run = tries()
    run.after_error(OutcomeUnknown("lost"), now=9.0)
    with pytest.raises(OutcomeUnknown):
        run.after_answer(now=9.5, proof=False)


def test_errors_of_the_arguments_are_final() -> None:
    with pytest.raises(StockShortfall):
        tries().after_error(StockShortfall("too few"), now=0.0)
    run = tries()
    run.after_error(OutcomeUnknown("lost"), now=0.0)
    assert run.after_error(StockShortfall("too few"), now=0.5) == pytest.approx(1.5)
    with pytest.raises(StockShortfall):
        run.after_error(StockShortfall("too few"), now=2.0)


def test_other_errors_and_unknown_statuses_are_final() -> None:
    for error in (SeckillError("bug"), UnknownStatus("new")):
        with pytest.raises(type(error)):
            tries().after_error(error, now=0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"deadline_ms": -1},
        {"max_attempts": 0},
        {"base_ms": 0},
        {"base_ms": 2_000},
        {"settle_ms": -1},
    ],
)
def test_a_policy_must_make_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="_ms"):
        RetryPolicy(**wrong)


@pytest.mark.parametrize("call", [_calls.RESERVE, _calls.RESERVE_LINES])
def test_only_a_hold_shows_what_became_of_a_lost_purchase(call: _calls.Call[ReserveResult]) -> None:
    """A refusal stores nothing: the lost attempt may still be waiting, and hold after it."""
    answer = ReserveResult(
        "sold_out", 1, None, False, None, None, None, "phone", 0, 1, "may_return", None, None
    )
    assert call.effect == "repeatable"
    assert not call.proves(answer)
    assert call.proves(dataclasses.replace(answer, status="held"))
