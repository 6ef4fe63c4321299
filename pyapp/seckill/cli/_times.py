"""Times as people type them: ISO, `now`, or counted from now (`+2h30m`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import typer

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
DURATION = re.compile(r"(?:\d+[dhms])+")


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, and how far it is from the now of the command that named it.

    Attributes:
        at: the instant.
        offset: from now; None where it was given as a time.
    """

    at: datetime
    offset: timedelta | None = None

    def plus(self, duration: timedelta) -> Moment:
        """A moment later, counted from now where this one is."""
        offset = None if self.offset is None else self.offset + duration
        return Moment(self.at + duration, offset)


def duration(text: str) -> timedelta:
    """`90`, `90s`, `15m`, `1h30m`, `2d`; a bare number is seconds.

    Raises:
        typer.BadParameter: it is none of these.
    """
    if text.isdecimal():
        parts = [(text, "s")]
    elif DURATION.fullmatch(text):
        parts = re.findall(r"(\d+)([dhms])", text)
    else:
        raise typer.BadParameter(f"{text!r} is no duration: type 90s, 15m, 1h30m or 2d")
    try:
        return timedelta(seconds=sum(int(count) * _UNITS[unit] for count, unit in parts))
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is too long") from None


def duration_text(length: timedelta) -> str:
    """A duration as `duration` takes it: `1d12h`."""
    whole, fraction = divmod(length, timedelta(seconds=1))
    parts: list[str] = []
    for unit, seconds in _UNITS.items():
        count, whole = divmod(whole, seconds)
        if unit == "s" and fraction:
            parts.append(f"{count + fraction.total_seconds():.6f}".rstrip("0") + "s")
        elif count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def moment(text: str, zone: str) -> Moment:
    """A time as typed.

    Args:
        text: `now`, `+10m`, `-1h`, or ISO 8601 such as `2026-11-11T20:00`.
        zone: the IANA zone of an ISO time that has no offset.

    Raises:
        typer.BadParameter: it is none of these, or the zone is not known on this machine.
    """
    now = datetime.now(UTC)
    if text == "now":
        return Moment(now, timedelta())
    try:
        if text[:1] in ("+", "-"):
            offset = duration(text[1:]) * (-1 if text[0] == "-" else 1)
            return Moment(now + offset, offset)
        at = datetime.fromisoformat(text)
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is too far away") from None
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time: type now, +2h30m, or 2026-11-11T20:00"
        ) from None
    return Moment(at if at.utcoffset() is not None else at.replace(tzinfo=_zone(zone, text)))


def _zone(name: str, text: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter(
            f"this machine does not know the zone {name!r}: type the offset too, {text}+00:00"
        ) from None
