"""Which rows does an event make, or change, of what happened and what it sums up to?"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from daemon.read_model import details, failed, passes, retries, traces
from daemon.read_model.rows import Member, Row, Rows
from daemon.read_model.timestamps import iso, seconds
from events.codec import EPOCH
from events.envelope import Recorded
from events.fact import Fact
from events.gateway import CallerAllowanceTaken, CallMade
from events.limits import AllowanceRecounted, AllowanceTaken
from events.schema import (
    FLEET,
    ConnectionAdded,
    ConnectionRelinked,
    ConnectionRemoved,
    PassEnded,
    RetriesEnded,
    RetryMoved,
    RetryScheduled,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from projections import hours, sketch
from projections.traces import TRACED

QUIET = frozenset({AllowanceTaken, AllowanceRecounted, CallerAllowanceTaken, CallMade})
"""Bookkeeping and calls: the log has each, `hour` their sums, a list of occurrences neither."""


class Facts:
    """Folds events in the order of the log; `take` gives what they came to since the last time."""

    def __init__(self, members: dict[int, Member], said: dict[int, int] | None = None) -> None:
        """`said` is what tenants said of details (see `details`)."""
        self.members = members
        self._said = said or {}
        self._rows = Rows()
        self._kept: dict[int, tuple[int, tuple[list[int], ...]]] = {}
        self._at, self._iso, self._start = EPOCH, iso(EPOCH), 0  # when the event was, in its forms

    def take(self) -> Rows:
        rows, self._rows = self._rows, Rows()
        self._kept.clear()
        return rows

    def fold(self, recorded: Recorded) -> None:
        event, subject = recorded.event, recorded.subject
        if recorded.at != self._at:
            self._at, self._iso = recorded.at, iso(recorded.at)
            self._start = seconds(recorded.at) // hours.HOUR_S * hours.HOUR_S
        if type(event) is ConnectionAdded:
            self._add(recorded, event)
        elif type(event) in details.OF_CONSENT:
            self._consent(recorded)
        if (member := self.members.get(subject)) is None:
            if type(event) is PassEnded:
                self._rows.passes.append(passes.row(recorded, event, self._iso))
            return
        part = PARTS.get(type(event)) or _part(type(event))
        if part.occurs:
            row = (recorded.seq, subject, member.tenant, member.provider, part.tag, self._iso)
            self._rows.occurrences.append(row)
        kept = details.may_be_kept(self._said, member.tenant)
        counted = event if kept or part.adds is None else details.without(event)
        if part.adds is not None and counted is not None:
            part.adds(self._hours(subject, member), counted, recorded.at)
            self._count_stream(subject, counted)
        if part.traced and kept:
            self._rows.traces += traces.rows(recorded)
        if part.fails:
            self._rows.failures += failed.rows(recorded, member, self._iso)
        if part.changes is not None:
            part.changes(self, recorded, event, member)
            self._rows.members.add(subject)

    def _consent(self, recorded: Recorded) -> None:
        """Of who does not consent any more the details go; of who does again, all come from now."""
        before = {**self._said}
        details.note(self._said, recorded)
        self._rows.said = {**self._said}
        under: dict[int, list[int]] = {recorded.subject: []} if recorded.subject else {}
        for connection, member in self.members.items():
            if recorded.subject in {FLEET, member.tenant}:
                under.setdefault(member.tenant, []).append(connection)
        for tenant, connections in under.items():
            if not details.may_be_kept(self._said, tenant):
                details.forget(self._rows, tenant, connections)
            elif not details.may_be_kept(before, tenant):
                self._rows.traces += [traces.kept_from(each, recorded) for each in connections]

    # -- connections come, move, and go ---------------------------------------

    def _add(self, recorded: Recorded, event: ConnectionAdded) -> None:
        self.members[recorded.subject] = Member(
            tenant=event.tenant, provider=event.provider, added=self._iso
        )
        self._rows.members.add(recorded.subject)

    def remove(self, recorded: Recorded, _: ConnectionRemoved, member: Member) -> None:
        self._turn(recorded.subject, member, None)
        self._end_retry(member, "cancelled")
        member.removed = self._iso

    def relink(self, recorded: Recorded, event: ConnectionRelinked, member: Member) -> None:
        """Its new provider takes it over as it is."""
        was = member.up
        self._turn(recorded.subject, member, None)
        self._end_retry(member, "cancelled")
        member.provider = event.provider
        self._kept.pop(recorded.subject, None)
        self._turn(recorded.subject, member, was)

    # -- syncs ----------------------------------------------------------------

    def start(self, recorded: Recorded, event: SyncStarted, member: Member) -> None:
        row: list[Any] = [
            recorded.seq,
            recorded.subject,
            member.tenant,
            member.provider,
            event.kind.value,
        ]
        row += ["running", iso(event.due), self._iso, None, event.attempt, event.priority]
        row += [None, None, None, None, None, event.request, None]
        self._rows.turns[recorded.seq] = row
        member.sync, member.attempt = recorded.seq, event.attempt
        if event.attempt:
            retries.begin(self._rows, member, recorded.seq)

    def succeed(self, recorded: Recorded, event: SyncSucceeded, member: Member) -> None:
        member.message = event.failures[0].message if event.failures else member.message
        outcome = ("succeeded", event.duration_ms, event.records, None, None, None)
        self._end(recorded, event.sync, outcome)
        self._count_sync(recorded, event, member)
        self._turn(recorded.subject, member, 1)

    def fail(self, recorded: Recorded, event: SyncFailed, member: Member) -> None:
        member.message = event.message
        outcome = ("failed", event.duration_ms, None, event.cause.value, event.message, None)
        self._end(recorded, event.sync, outcome)
        self._count_sync(recorded, event, member)
        self._turn(recorded.subject, member, 0)

    def cancel(self, recorded: Recorded, event: SyncCancelled, member: Member) -> None:
        if event.sync is None:
            return
        self._end(recorded, event.sync, ("cancelled", None, None, None, None, None))
        self._end_running(member, "cancelled")
        member.sync = None

    def interrupt(self, recorded: Recorded, event: SyncInterrupted, member: Member) -> None:
        reason = event.reason.value
        self._end(recorded, event.sync, ("interrupted", None, None, None, None, reason))
        if event.retry is None:
            self._end_running(member, "cancelled")
        elif member.attempt:
            retries.move(self._rows, member, self._iso)
        member.sync = None

    def skip(self, recorded: Recorded, event: SyncSkipped, member: Member) -> None:
        kind = "scheduled" if event.request is None else "manual"
        row: list[Any] = [recorded.seq, recorded.subject, member.tenant, member.provider, kind]
        row += ["skipped", iso(event.due), None, self._iso, 0, None, None, None, None, None]
        row += [event.reason.value, event.request, recorded.seq]
        self._rows.turns[recorded.seq] = row

    # -- retries --------------------------------------------------------------

    def schedule_retry(self, recorded: Recorded, event: RetryScheduled, member: Member) -> None:
        retries.schedule(self._rows, recorded, event, member, self._iso)

    def move_retry(self, _: Recorded, event: RetryMoved, member: Member) -> None:
        retries.move(self._rows, member, iso(event.due))

    def end_retries(self, _: Recorded, _event: RetriesEnded, member: Member) -> None:
        self._end_retry(member, "cancelled")

    # -- parts of the above ---------------------------------------------------

    def _end(self, recorded: Recorded, sync: int, outcome: Row) -> None:
        status, duration_ms, records, cause, message, reason = outcome
        at, row = self._iso, self._rows.turns.get(sync)
        if row is None:
            change = (status, at, duration_ms, records, cause, message, reason, recorded.seq, sync)
            self._rows.turns_ended.append(change)
            return
        row[5], row[8] = status, at
        row[11:16] = duration_ms, records, cause, message, reason
        row[17] = recorded.seq

    def _count_sync(
        self, recorded: Recorded, event: SyncSucceeded | SyncFailed, member: Member
    ) -> None:
        subject = recorded.subject
        if member.attempt and member.sync == event.sync:
            hours.add_retry(self._hours(subject, member), event)
            word = "completed" if isinstance(event, SyncSucceeded) else "failed"
            self._end_running(member, word, event.duration_ms)
        member.sync = None
        bucket, durations = sketch.bucket(event.duration_ms), self._rows.durations
        for each in _above(subject, member):
            key = (each, self._start, bucket)
            durations[key] = durations.get(key, 0) + 1

    def _end_retry(self, member: Member, status: str) -> None:
        retries.end(self._rows, member, status, self._iso)

    def _end_running(self, member: Member, status: str, duration_ms: int | None = None) -> None:
        """The same where it runs, and is not just pending."""
        if member.attempt:
            retries.end(self._rows, member, status, self._iso, duration_ms)

    def _turn(self, subject: int, member: Member, up: int | None) -> None:
        """It is up from here on, or down, or nobody knows."""
        if (was := member.up) == up:
            return
        known = (up is not None) - (was is not None)
        to, second = self._hours(subject, member), seconds(self._at) - self._start
        hours.add_turn(to, second, up=(up or 0) - (was or 0), known=known)
        member.up = up

    def _hours(self, subject: int, member: Member) -> tuple[list[int], ...]:
        """The hours that the event is counted in: its connection's, and those above."""
        start = self._start
        if (kept := self._kept.get(subject)) is not None and kept[0] == start:
            return kept[1]
        found = tuple(self._hour(each, start) for each in _above(subject, member))
        self._kept[subject] = (start, found)
        return found

    def _hour(self, subject: int, start: int) -> list[int]:
        if (found := self._rows.hours.get((subject, start))) is None:
            found = self._rows.hours[subject, start] = hours.nothing()
        return found

    def _count_stream(self, subject: int, event: Fact) -> None:
        if (counted := hours.of_stream(event)) is None:
            return
        stream, figures = counted
        key = (subject, stream, self._start)
        if (found := self._rows.streams.get(key)) is None:
            self._rows.streams[key] = figures
        else:
            found[:] = [a + b for a, b in zip(found, figures, strict=True)]


_CHANGES: Mapping[type[Fact], Callable[[Facts, Recorded, Any, Member], None]] = {
    ConnectionRemoved: Facts.remove,
    ConnectionRelinked: Facts.relink,
    SyncStarted: Facts.start,
    SyncSucceeded: Facts.succeed,
    SyncFailed: Facts.fail,
    SyncCancelled: Facts.cancel,
    SyncInterrupted: Facts.interrupt,
    SyncSkipped: Facts.skip,
    RetryScheduled: Facts.schedule_retry,
    RetryMoved: Facts.move_retry,
    RetriesEnded: Facts.end_retries,
}


class Part(Struct, frozen=True, kw_only=True):
    """What becomes of a type of event of a connection."""

    tag: str
    occurs: bool
    fails: bool
    traced: bool
    adds: Callable[[hours.Hours, Any, datetime], None] | None
    changes: Callable[[Facts, Recorded, Any, Member], None] | None


PARTS: dict[type[Fact], Part] = {}


def _part(of: type[Fact]) -> Part:
    found = PARTS[of] = Part(
        tag=str(of.__struct_config__.tag),
        occurs=of not in QUIET,
        fails=of in failed.TELLS,
        traced=of in TRACED,
        adds=hours.ADDS.get(of),
        changes=_CHANGES.get(of),
    )
    return found


def _above(subject: int, member: Member) -> tuple[int, int, int, int]:
    """Whose hours are whose: a connection, its tenant, its provider, the fleet."""
    return subject, member.tenant, member.provider, FLEET
