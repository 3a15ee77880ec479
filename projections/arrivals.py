"""What came to a connection's streams, when, and how much of it in each day or hour?

A record is new where it is added to what is in force. What a first load or a backfill fetches, and
what comes again after a rollback or a move, is not what the provider newly had: such a load is
told apart, so that drift is not judged by it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from projections.traces import Trace, Word

A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)  # before what was read
HOURLY_ENOUGH = 15 * 24  # hours: what makes a first level and a first spread, and a day more
HOURLY_SHARE = 0.9  # of all hours: of a stream that is synced in fewer an hour tells nothing


class Step(StrEnum):
    """How long one period of a series is."""

    DAY = "day"
    HOUR = "hour"


class Capture(Struct, frozen=True, kw_only=True):
    """A stream's records were fetched at that time, by that event; counts are of records."""

    at: datetime
    stream: str
    new: int
    fetched: int
    duplicates: int = 0
    load: bool = False
    event: int = 0


class Pause(Struct, frozen=True, kw_only=True):
    """Nothing was expected of the connection meanwhile: somebody had paused it."""

    since: datetime
    until: datetime


class Reshaped(Struct, frozen=True, kw_only=True):
    """An answer was doubted, by that event: so many `fields` were gone or of another type."""

    at: datetime
    stream: str
    event: int
    fields: int


Arrival: TypeAlias = Capture | Pause | Reshaped


class Came(Struct, frozen=True, kw_only=True):
    """What came to a connection's streams since some moment."""

    captures: Sequence[Capture]
    pauses: Sequence[Pause]
    reshaped: Sequence[Reshaped]


class Reading(Struct, frozen=True, kw_only=True):
    """How far a connection's events were read.

    The sync `backfill` is one; of the streams in `again` the next capture brings what was there
    before; those in `seen` have been captured; it has been `paused` since then.
    """

    backfill: int = 0
    again: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    paused: datetime | None = None


class Point(Struct, frozen=True, kw_only=True):
    """One period: what so many accepted `syncs` brought in it.

    One that is set `aside` says nothing: a load came in it, or the connection was paused.
    """

    at: datetime
    new: int = 0
    fetched: int = 0
    duplicates: int = 0
    syncs: int = 0
    aside: bool = False


class Series(Struct, frozen=True, kw_only=True):
    """All whole periods of a stretch of time in their order, by the wall clock of `zone`."""

    step: Step
    points: tuple[Point, ...]
    zone: str = "UTC"


class Gathering:
    """Goes on by one trace after another, in their order, to say what came `since` then."""

    def __init__(self, since: datetime) -> None:
        self._since = since
        self._reading = Reading()
        self._captures: list[Capture] = []
        self._pauses: list[Pause] = []
        self._reshaped: list[Reshaped] = []

    def add(self, trace: Trace) -> None:
        self._reading, arrival = read(self._reading, trace)
        if trace.at < self._since:
            return  # a clock was set back: it tells of before
        match arrival:
            case Capture():
                self._captures.append(arrival)
            case Pause():
                self._pauses.append(arrival)
            case Reshaped():
                self._reshaped.append(arrival)
            case _:
                pass

    def came(self, until: datetime) -> Came:
        paused = self._reading.paused
        last = [] if paused is None else [Pause(since=paused, until=until)]
        return Came(captures=self._captures, pauses=[*self._pauses, *last], reshaped=self._reshaped)


def gathered(traces: Iterable[Trace], since: datetime, until: datetime) -> Came:
    gathering = Gathering(since)
    for each in traces:
        gathering.add(each)
    return gathering.came(until)


def read(reading: Reading, trace: Trace) -> tuple[Reading, Arrival | None]:
    """Go on by one, and say what came by it."""
    match trace.word:
        case Word.BACKFILL:
            return replace(reading, backfill=trace.seq), None
        case Word.ROLLED_BACK:
            return replace(reading, again=reading.again | {*trace.streams}), None
        case Word.MOVED:
            return replace(reading, again=reading.again | reading.seen), None
        case Word.PAUSED:
            return replace(reading, paused=reading.paused or trace.at), None
        case Word.RESUMED:
            since = reading.paused or LONG_AGO
            return replace(reading, paused=None), Pause(since=since, until=trace.at)
        case Word.RESHAPED:
            (name,), fields = trace.streams, trace.fields
            return reading, Reshaped(at=trace.at, stream=name, event=trace.seq, fields=fields)
        case Word.CAPTURED:
            return _captured(reading, trace)
        case _:
            return reading, None


def _captured(reading: Reading, trace: Trace) -> tuple[Reading, Arrival | None]:
    (name,) = trace.streams
    first = name not in reading.seen and trace.before <= 0
    capture = Capture(
        at=trace.at,
        event=trace.seq,
        stream=name,
        new=trace.new,
        fetched=trace.fetched,
        duplicates=trace.repeated,
        load=first or name in reading.again or trace.version == reading.backfill,
    )
    if name in reading.seen and name not in reading.again:
        return reading, capture
    return replace(reading, seen=reading.seen | {name}, again=reading.again - {name}), capture


def step_of(captures: Sequence[Capture], until: datetime) -> Step:
    """By the hour where nearly every hour has a sync, else by the day."""
    hours = {
        each.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for each in captures
    }
    if len(hours) < HOURLY_ENOUGH:
        return Step.DAY
    whole = (until - min(hours)) / AN_HOUR
    return Step.HOUR if len(hours) >= HOURLY_SHARE * whole else Step.DAY


def series(
    captures: Sequence[Capture], pauses: Sequence[Pause], step: Step, zone: str, until: datetime
) -> Series:
    """Every whole period between the first capture, in whatever order, and `until`."""
    by: dict[datetime, list[Capture]] = defaultdict(list)
    where = ZoneInfo(zone)
    for each in captures:
        by[_start(each.at, step, where)].append(each)
    starts = [*_starts(min(by), until, step, where)] if by else []
    points = [
        _point(start, by[start], aside=any(_touch(each, start, end) for each in pauses))
        for start, end in pairwise(starts)
    ]
    return Series(step=step, points=tuple(points), zone=zone)


def end(at: datetime, step: Step, zone: str) -> datetime:
    """When the period ends in which that lies."""
    where = ZoneInfo(zone)
    return _next(_start(at, step, where), step, where)


def _next(start: datetime, step: Step, zone: ZoneInfo) -> datetime:
    """Days have 23 to 25 hours where clocks change, and begin anew at midnight."""
    if step is Step.HOUR:
        return start + AN_HOUR
    return _start(start + A_DAY + AN_HOUR * 2, step, zone)


def _start(at: datetime, step: Step, zone: ZoneInfo) -> datetime:
    """Of the period in which that lies."""
    if step is Step.HOUR:
        return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    local = at.astimezone(zone)
    return datetime(local.year, local.month, local.day, tzinfo=zone).astimezone(UTC)


def _starts(first: datetime, until: datetime, step: Step, zone: ZoneInfo) -> Iterator[datetime]:
    """The last of them is where the one begins that is not over yet."""
    start = first
    while start <= until:
        yield start
        start = _next(start, step, zone)


def _point(start: datetime, captures: Iterable[Capture], *, aside: bool) -> Point:
    found = [*captures]
    counted = [each for each in found if not each.load]
    return Point(
        at=start,
        new=sum(each.new for each in counted),
        fetched=sum(each.fetched for each in counted),
        duplicates=sum(each.duplicates for each in counted),
        syncs=len(found),
        aside=aside or len(counted) < len(found),
    )


def _touch(pause: Pause, start: datetime, end: datetime) -> bool:
    return pause.since < end and start < pause.until
