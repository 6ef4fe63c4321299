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
        ["check", "what was found", "how it stands", "when that changes"],
        [
            [
                "passed" if check.ok else "failed",
                _found(check, texts, wanted),
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
        # The first that fails decides.
        found, change = _found(failed[0], texts, wanted), _change(failed[0])
        fewer = f" It would allow {failed[0].remaining}." if failed[0].remaining else ""
        say(f"No: {found[0].lower()}{found[1:]}.{fewer} When that changes: {change}.", good=False)


def _found(check: CheckResult, texts: Mapping[str, str], wanted: str) -> str:
    dimension = check.dimension or "buyer"
    who = "This buyer" if dimension == "user" else f"This {dimension}"
    match check.check_name:
        case "replay":
            return "This request is known"
        case "sale":
            return _sale(check)
        case "stock":
            return f"There is {'' if check.ok else 'not enough '}stock for {wanted}"
        case "blocked":
            return f"{who} is {'not ' if check.ok else ''}blocked"
        case "eligible":
            return f"{who} is {'' if check.ok else 'not '}on the list of those who may buy"
        case "limit":
            name = check.limit_name or ""
            verb = "allows it" if check.ok else "does not allow it"
            return f"Limit {name} {verb}: {texts.get(name, f'per {dimension}')}"
        case other:
            return other


def _sale(check: CheckResult) -> str:
    if check.ok:
        return "The sale is open"
    if check.retry == "final":
        return "The sale is over"
    return "The sale has not begun" if check.resets_at else "The sale is paused, or not opened yet"


def _standing(check: CheckResult) -> str:
    if check.maximum is None:
        return ""
    used, left = check.used or 0, check.remaining or 0
    if check.check_name != "stock":
        return f"{used} of {check.maximum} used, {left} left"
    later = check.maximum - used - left
    waiting = f", {later} released later" if later > 0 else ""
    return f"{used} of {check.maximum} taken, {left} left{waiting}"


def _change(check: CheckResult) -> str:
    at = plain(check.resets_at)
    if check.ok:
        return f"at {at}" if at and check.used else ""
    match check.retry:
        case "final":
            return "not by itself"
        case "may_return":
            end = f", or at {at}, when the first of them ends" if at else ""
            if at and check.check_name == "limit":
                # The window's turn: a hold may end before, which is then as good.
                end = f" or ends, at {at} at the latest"
            return f"as soon as an unpaid hold is given back{end}"
        case _:
            return f"at {at}" if at else "later, and nobody has said when"
