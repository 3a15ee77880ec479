"""Which moment of the past does somebody mean: a time, an event, so long ago?"""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TypeAlias

import click
import msgspec

from daemon.cli.ending import Ended, Exit
from daemon.duration import Duration, duration

Moment: TypeAlias = int | datetime
"""The number of an event, or an instant in UTC."""

at = click.option(
    "--at",
    metavar="WHEN",
    help="As of then: '2026-11-20 14:00', 14:00, -2h, or the number of an event.",
)

HOW = "write 2026-11-20 14:00, 14:00, -2h, or the number of an event: 1204"
DIGITS_MAX = 18  # a number of an event fits SQLite's integers


def moment(text: str, now: datetime, zone: tzinfo | None = None) -> Moment:
    """The moment that was typed: `1204`, `-2h`, `14:00`, `2026-11-20`, `2026-11-20 14:00`, `now`.

    A time without an offset is local to the reader (`zone`; None: the host's), and the last one
    that was, before `now`: also where it comes twice, as clocks are put back. A date alone is its
    first instant. Raises Ended, too, for a time that never was, as clocks were put forward.
    """
    typed = text.strip()
    try:
        found = _read(typed, now, zone)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise Ended(Exit.USAGE, f"{text!r} is no moment; {HOW}")
    return found


def sent(text: str, now: datetime, zone: tzinfo | None = None) -> str:
    """The same as the API takes it: an event's number, or an instant as ISO 8601. Raises Ended."""
    found = moment(text, now, zone)
    return str(found) if isinstance(found, int) else found.isoformat()


def _read(typed: str, now: datetime, zone: tzinfo | None) -> Moment | None:
    if re.fullmatch(r"[0-9]+", typed):
        return int(typed) if len(typed) <= DIGITS_MAX and int(typed) else None
    if typed == "now":
        return now.astimezone(UTC)
    if typed.startswith("-"):
        return now.astimezone(UTC) - _span(typed[1:])
    if re.fullmatch(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?", typed):
        return _last(time.fromisoformat(typed), now, zone)
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", typed):
        return _instant(datetime.fromisoformat(typed), zone)
    if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", typed):
        return _dated(datetime.fromisoformat(typed), now, zone)
    return None


def _span(typed: str) -> timedelta:
    try:
        return duration(msgspec.convert(typed, Duration))
    except msgspec.ValidationError as error:
        raise ValueError(typed) from error


def _last(clock: time, now: datetime, zone: tzinfo | None) -> datetime:
    today = now.astimezone(zone).date()
    found = _instant(datetime.combine(today, clock), zone)
    day = today if found <= now else today - timedelta(days=1)
    return _dated(datetime.combine(day, clock), now, zone)


def _dated(at: datetime, now: datetime, zone: tzinfo | None) -> datetime:
    """The second of two that were. Raises Ended for one that never was."""
    if at.tzinfo is not None:
        return _instant(at, zone)
    first, second = (_instant(at.replace(fold=fold), zone) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None, fold=0) != at:
        raise Ended(
            Exit.USAGE,
            f"{at:%H:%M} never was on {at:%Y-%m-%d}: clocks were put forward past it; write a time "
            "before that, or after it",
        )
    return second if second <= now else first


def _instant(at: datetime, zone: tzinfo | None) -> datetime:
    """In UTC; without an offset it is the reader's."""
    if at.tzinfo is None and zone is not None:
        at = at.replace(tzinfo=zone)
    return at.astimezone(UTC)
