"""In which sums is an event counted: its connection's hour, or day, and those above?

It is counted once, where its connection's are. What came together there is added to the sums of the
tenant, the provider and the fleet when it is asked for, or before the connection moves.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from operator import add
from typing import TypeAlias

from daemon.read_model.keeping import DAY_S, HOUR_S
from daemon.read_model.rows import Member, Rows
from daemon.read_model.timestamps import seconds
from events.codec import EPOCH
from events.fact import Fact
from events.schema import FLEET
from projections import hours, sketch
from projections.hours import Figures

Sums: TypeAlias = dict[tuple[int, int], Figures]
Durations: TypeAlias = dict[tuple[int, int, int], int]


class Counting:
    """Sums of `members` (connections). Those before the second `hours_from` are by the day."""

    def __init__(self, members: Mapping[int, Member], hours_from: int) -> None:
        self._members = members
        self._hours_from = hours_from
        self._hours, self._days = Sums(), Sums()
        self._durations, self._duration_days = Durations(), Durations()
        self._streams: dict[tuple[int, str, int], Figures] = {}
        self._stream_days: dict[tuple[int, str, int], Figures] = {}
        self._at = self._begin = self._end = EPOCH
        self._start = 0
        self._by_hour = True

    def enter(self, at: datetime) -> None:
        """What is counted from here on happened then."""
        self._at = at
        if self._begin <= at < self._end:
            return
        second = seconds(at)
        self._by_hour = second >= self._hours_from
        length = HOUR_S if self._by_hour else DAY_S
        self._start = second // length * length
        self._begin = EPOCH + timedelta(seconds=self._start)
        self._end = self._begin + timedelta(seconds=length)

    def figures(self, subject: int) -> Figures:
        """Those of a connection's hour, or day, to be added to."""
        sums, key = self._hours if self._by_hour else self._days, (subject, self._start)
        found = sums.get(key)
        if found is None:
            found = sums[key] = hours.nothing()
        return found

    def turn(self, subject: int, *, up: int, known: int) -> None:
        """So much more of it is up, and known to be so, from here on."""
        left_s = seconds(self._end) - seconds(self._at)
        hours.add_turn(self.figures(subject), left_s, up=up, known=known)

    def of_stream(self, subject: int, event: Fact) -> None:
        counted = hours.of_stream(event)
        if counted is None:
            return
        stream, figures = counted
        streams = self._streams if self._by_hour else self._stream_days
        key = (subject, stream, self._start)
        found = streams.get(key)
        streams[key] = figures if found is None else [*map(add, found, figures)]

    def duration(self, subject: int, duration_ms: int) -> None:
        """By the day as well: a month of hours has too many buckets to be summed up."""
        bucket, start = sketch.bucket(duration_ms), self._start
        if self._by_hour:
            _more(self._durations, (subject, start, bucket), 1)
        _more(self._duration_days, (subject, start // DAY_S * DAY_S, bucket), 1)

    def spread(self, rows: Rows) -> None:
        """Add what was counted since the last time to those rows, and to those above."""
        for sums, into in ((self._hours, rows.hours), (self._days, rows.days)):
            self._spread(sums, into)
        for durations, found in (
            (self._durations, rows.durations),
            (self._duration_days, rows.duration_days),
        ):
            for (subject, start, bucket), syncs in durations.items():
                for each in self._above(subject):
                    _more(found, (each, start, bucket), syncs)
            durations.clear()
        for streams, of_streams in (
            (self._streams, rows.streams),
            (self._stream_days, rows.stream_days),
        ):
            for key, figures in streams.items():
                before = of_streams.get(key)
                of_streams[key] = figures if before is None else [*map(add, before, figures)]
            streams.clear()

    def _spread(self, sums: Sums, into: Sums) -> None:
        for (subject, start), figures in sums.items():
            for each in self._above(subject):
                before = into.get((each, start))
                into[each, start] = [*figures] if before is None else [*map(add, before, figures)]
        sums.clear()

    def _above(self, subject: int) -> tuple[int, int, int, int]:
        """Whose sums are whose: a connection, its tenant, its provider, the fleet."""
        member = self._members[subject]
        return subject, member.tenant, member.provider, FLEET


def _more(durations: Durations, key: tuple[int, int, int], syncs: int) -> None:
    durations[key] = durations.get(key, 0) + syncs
