"""Limits and checks in sentences that can be read aloud to a buyer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seckill.cli._show import plain, say, show_table

if TYPE_CHECKING:
    from seckill import CheckResult

# A word that is not listed is shown as it is: the database may be newer.
_METRICS = {
    "open_holds": "unpaid holds at a time",
    "expired_holds": "holds that ended unpaid",
}
_WINDOWS = {
    "order": " in an order",
    "hour": " an hour",
    "day": " a day",
    "week": " a week",
    "month": " a month",
}
_WHO = {"user": "This buyer"}


def rule_text(rule: Mapping[str, Any]) -> str:
    """A limit as a sentence without its name: `at most 2 orders per user a day`."""
    metric: str = rule["metric"]
    what: str = _METRICS.get(metric, metric)
    if rule["maximum"] == 1 and what == metric:
        what = what.removesuffix("s")
    of = f" of {rule['sku']}" if rule["sku"] else ""
    window = rule["window"]
    if window == "rolling":
        when = f" within {rule['period']}"
    elif window in (None, "activity"):
        when = "" if metric == "open_holds" else " in the whole activity"
    else:
        when = _WINDOWS.get(window, f" per {window}")
    return f"at most {rule['maximum']} {what}{of} per {rule['dimension']}{when}"


def _named(rules: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {rule["name"]: rule_text(rule) for rule in rules}


def show_usage(
    checks: Sequence[CheckResult], rules: Sequence[Mapping[str, Any]], empty: str
) -> None:
    """Print what a buyer has used of each limit."""
    texts = _named(rules)
    show_table(
        ["limit", "rule", "used", "of", "left", "frees up"],
        [
            [
                check.limit_name,
                texts.get(check.limit_name or "", f"per {check.dimension}"),
                check.used,
                check.maximum,
                check.remaining,
                check.resets_at,
            ]
            for check in checks
        ],
        empty=empty,
    )


def show_checks(
    checks: Sequence[CheckResult], rules: Sequence[Mapping[str, Any]], wanted: str
) -> None:
    """Print the checks of a purchase, and at the end what comes of it.

    Args:
        checks: in order of precedence.
        rules: the limits that apply, for their words.
        wanted: units and sku.
    """
    texts = _named(rules)
    show_table(
        ["answer", "what was checked", "how it stands", "when it changes"],
        [
            [
                "passed" if check.ok else "failed",
                _question(check, texts, wanted),
                _standing(check),
                _change(check),
            ]
            for check in checks
        ],
    )
    failed = [check for check in checks if not check.ok]
    if any(check.check_name == "replay" for check in checks):
        say("Yes: this request was answered before, and gets the same answer again.", good=True)
    elif not failed:
        say(f"Yes: {wanted} would be held now.", good=True)
    else:
        what = _question(failed[0], texts, wanted)
        say(f"No: refused, because of the first check that failed: {what}.", good=False)


def _question(check: CheckResult, texts: Mapping[str, str], wanted: str) -> str:
    dimension = check.dimension or "buyer"
    who = _WHO.get(dimension, f"This {dimension}")
    match check.check_name:
        case "replay":
            return "This request is a new one" if not check.ok else "This request is known"
        case "sale":
            return "The sale is open"
        case "stock":
            return f"There is stock for {wanted}"
        case "blocked":
            return f"{who} is not blocked"
        case "eligible":
            return f"{who} is on the list of those who may buy"
        case "limit":
            name = check.limit_name or ""
            return f"Limit {name}: {texts.get(name, f'per {dimension}')}"
        case other:
            return other


def _standing(check: CheckResult) -> str:
    if check.maximum is None:
        return ""
    if check.check_name == "stock":
        used, left = check.used or 0, check.remaining or 0
        later = check.maximum - used - left
        waiting = f", {later} are released later" if later > 0 else ""
        return f"{used} of {check.maximum} are taken, {left} are left{waiting}"
    return f"{check.used} of {check.maximum} used, {check.remaining} left"


def _change(check: CheckResult) -> str:
    at = plain(check.resets_at)
    if check.ok:
        return f"frees up at {at}" if at else ""
    match check.retry:
        case "final":
            return "not by itself"
        case "not_yet":
            return f"at {at}" if at else "later, nobody has said when"
        case "may_return":
            held = "once an unpaid hold is given back"
            return f"{held}, or ends at {at}" if at else held
        case _:
            return f"at {at}" if at else ""
