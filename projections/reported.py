"""What has a source reported: last, on each day, and which reports are known?

It settles the same whatever the order in which reports arrive: the last one is the one of the
greatest own time, and of those at once the one of the greatest key; a day is the one in which a
report's own time lies, in UTC; and a report that is known is never recorded again.
"""

from datetime import date, datetime
from hashlib import blake2b

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.sources import (
    Expectation,
    Figures,
    ReportReceived,
    SourceAdded,
    SourceChanged,
    SourceRemoved,
    SourceTokenSet,
)
from projections import report_keys
from projections.report_keys import KEY_BYTES


class Report(Struct, frozen=True, kw_only=True):
    """One report, by its own time."""

    at: datetime
    key: str
    figures: Figures


class Sums(Struct, frozen=True, kw_only=True):
    """What the reports of a day come to together."""

    reports: int = 0
    syncs: int = 0
    records: int = 0
    errors: int = 0
    duration_ms: int = 0
    bytes: int = 0


class Day(Struct, frozen=True, kw_only=True):
    """A day's sums; `keys` are those of its reports, as `report_keys` packs them."""

    sums: Sums = Sums()
    keys: bytes = b""


class Source(Struct, frozen=True, kw_only=True):
    """`queue` is the last report that told a depth; `heard` is that one came since it was `added`.

    `token_in` is the event by which it got the token that it has, or 0, and `token_set` when that
    was. `kept_since` is the first day of which reports are remembered.
    """

    tenant: int
    expectation: Expectation
    added: datetime
    declared: bool = False
    removed: bool = False
    heard: bool = False
    token_set: datetime | None = None
    token_in: int = 0
    latest: Report | None = None
    queue: Report | None = None
    days: dict[date, Day] = {}
    kept_since: date = date.min


def added(source: Source | None, recorded: Recorded, event: SourceAdded) -> Source:
    """It is there, or is there again: what it reported before is known still."""
    there = source or Source(tenant=event.tenant, expectation=event.expectation, added=recorded.at)
    return replace(
        there,
        expectation=event.expectation,
        added=recorded.at,
        declared=event.declared,
        removed=False,
        heard=False,
    )


def evolve(source: Source, recorded: Recorded) -> Source:
    match recorded.event:
        case SourceChanged(expectation=expectation, declared=declared):
            return replace(source, expectation=expectation, declared=declared)
        case SourceTokenSet():
            return replace(source, token_set=recorded.at, token_in=recorded.seq)
        case SourceRemoved():
            return replace(source, removed=True, declared=False, token_set=None, token_in=0)
        case ReportReceived() as event:
            return told(source, event)
        case _:
            return source


def told(source: Source, event: ReportReceived) -> Source:
    """One report more, which is not known yet."""
    report = Report(at=event.reported, key=event.key, figures=event.figures)
    days = {day: each for day, each in source.days.items() if day >= event.kept_since}
    if report.at.date() >= event.kept_since:
        days[report.at.date()] = _told(days.get(report.at.date(), Day()), report)
    depth = event.figures.queue_depth
    return replace(
        source,
        heard=True,
        latest=_later(source.latest, report),
        queue=source.queue if depth is None else _later(source.queue, report),
        days=days,
        kept_since=event.kept_since,
    )


def known(source: Source, key: str, likely: date) -> bytes | None:
    """The digest of the report that came with that key, on whatever day; None for a new one.

    Most come again as they came, and are found on the `likely` day, at once.
    """
    wanted, days = bytes.fromhex(key), source.days
    there = days.get(likely)
    found = report_keys.find(there.keys, wanted) if there is not None else None
    if found is not None:
        return found
    others = (report_keys.find(each.keys, wanted) for each in days.values() if each is not there)
    return next((each for each in others if each is not None), None)


def count(source: Source, day: date) -> int:
    """How many reports of that day are known."""
    return source.days.get(day, Day()).sums.reports


def digest(at: datetime, figures: Figures) -> bytes:
    """By which two reports with one key are told apart."""
    return blake2b(msgspec.json.encode((at, figures)), digest_size=KEY_BYTES).digest()


def without_keys(source: Source) -> Source:
    """All but which reports are known: for people, who see that in the sums."""
    days = {day: replace(each, keys=b"") for day, each in source.days.items()}
    return replace(source, days=days)


def sums(source: Source) -> dict[date, Sums]:
    """What was reported of each day that is remembered, in order."""
    return {day: source.days[day].sums for day in sorted(source.days)}


def _later(before: Report | None, report: Report) -> Report:
    if before is None:
        return report
    return max(before, report, key=lambda each: (each.at, each.key))


def _told(day: Day, report: Report) -> Day:
    before, figures = day.sums, report.figures
    after = Sums(
        reports=before.reports + 1,
        syncs=before.syncs + (figures.syncs or 0),
        records=before.records + (figures.records or 0),
        errors=before.errors + (figures.errors or 0),
        duration_ms=before.duration_ms + (figures.duration_ms or 0),
        bytes=before.bytes + (figures.bytes or 0),
    )
    key, what = bytes.fromhex(report.key), digest(report.at, figures)
    return Day(sums=after, keys=report_keys.added(day.keys, key, what))
