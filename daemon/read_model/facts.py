"""Which rows does an event make, or change, of what happened and what it sums up to?"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from daemon.read_model import details, failed, passes, reports, retries, traces, turns
from daemon.read_model.counting import Counting
from daemon.read_model.keeping import EVERYTHING, Kept
from daemon.read_model.rows import Member, Row, Rows
from daemon.read_model.timestamps import iso
from events.codec import EPOCH
from events.envelope import Recorded
from events.fact import Fact
from events.gateway import CallerAllowanceTaken, CallMade
from events.limits import AllowanceRecounted, AllowanceTaken
from events.schema import (
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
from events.sources import ReportReceived, SourceAdded
from projections import hours
from projections.traces import TRACED

QUIET = frozenset({AllowanceTaken, AllowanceRecounted, CallerAllowanceTaken, CallMade})
"""Bookkeeping and calls: the log has each, `hour` their sums, a list of occurrences neither."""


class Facts:
    """Folds events in the order of the log; `take` gives what they came to since the last time."""

    def __init__(
        self,
        members: dict[int, Member],
        said: dict[int, int] | None = None,
        kept: Kept = EVERYTHING,
        reporters: dict[int, int] | None = None,
    ) -> None:
        """`said` is what tenants said of details (see `details`), `reporters` whose sources are.

        What is older than what is `kept` makes no rows of its own, but for what is open yet.
        """
        self.members = members
        self._reporters = reporters or {}
        self._consents = details.Consents(said or {}, members, self._reporters.values())
        self._may_keep = self._consents.may_keep
        self._rows = Rows()
        self._first = kept.happened
        self._counting = Counting(members, kept.hours)
        self._at, self._iso_of, self._iso_is = EPOCH, EPOCH, iso(EPOCH)
        self._whole = True

    def take(self) -> Rows:
        self._counting.spread(self._rows)
        rows, self._rows = self._rows, Rows()
        return rows

    def fold(self, recorded: Recorded) -> None:
        event, subject = recorded.event, recorded.subject
        self._at, self._whole = recorded.at, recorded.seq >= self._first
        self._counting.enter(recorded.at)
        part = PARTS.get(type(event)) or part_of(type(event))
        if part.makes is not None:
            part.makes(self, recorded, event)
        member = self.members.get(subject)
        if member is None:
            return
        if part.adds is not None:
            self._count(part, subject, event, member)
        if self._whole:
            if part.occurs:
                row = (recorded.seq, subject, member.tenant, member.provider, part.tag, self._iso())
                self._rows.occurrences.append(row)
            if part.tells is not None and (told := part.tells(event, member.attempt)):
                self._rows.failures += failed.rows(recorded, member, self._iso(), told)
            if part.traced and self._may_keep(member.tenant):
                self._rows.traces += traces.rows(recorded)
        if part.changes is not None:
            part.changes(self, recorded, event, member)
            self._rows.members.add(subject)

    def _count(self, part: "Part", subject: int, event: Fact, member: Member) -> None:
        assert part.adds is not None, "it was asked before"
        counted = event if self._may_keep(member.tenant) else details.without(event)
        if counted is not None:
            part.adds(self._counting.figures(subject), counted, self._at)
            if part.streams:
                self._counting.of_stream(subject, counted)

    def _iso(self) -> str:
        """When the event was."""
        if self._iso_of is not self._at:
            self._iso_of, self._iso_is = self._at, iso(self._at)
        return self._iso_is

    def consent(self, recorded: Recorded, _: Fact) -> None:
        """Of who does not consent any more the details go; of who does again, all come from now."""
        gone, come = self._consents.note(recorded)
        details.note(self._rows.said, recorded)
        self._counting.spread(self._rows)
        details.forget(self._rows, gone)
        for connections in come.values() if self._whole else ():
            self._rows.traces += [traces.kept_from(each, recorded) for each in connections]

    def add_source(self, recorded: Recorded, event: SourceAdded) -> None:
        self._reporters[recorded.subject] = event.tenant
        self._consents.join(event.tenant)
        self._rows.reporters[recorded.subject] = event.tenant

    def report(self, recorded: Recorded, event: ReportReceived) -> None:
        tenant = self._reporters[recorded.subject]
        kept = self._may_keep(tenant)
        reports.count(self._rows, recorded.subject, tenant, event, details=kept)

    def end_pass(self, recorded: Recorded, event: PassEnded) -> None:
        if self._whole:
            self._rows.passes.append(passes.row(recorded, event, self._iso()))

    def add(self, recorded: Recorded, event: ConnectionAdded) -> None:
        if recorded.subject not in self.members:
            self._consents.join(event.tenant, recorded.subject)
        self.members[recorded.subject] = Member(
            tenant=event.tenant, provider=event.provider, added=self._iso()
        )
        self._rows.members.add(recorded.subject)

    def remove(self, recorded: Recorded, _: ConnectionRemoved, member: Member) -> None:
        self._turn(recorded.subject, member, None)
        self._end_retry(member, "cancelled")

    def relink(self, recorded: Recorded, event: ConnectionRelinked, member: Member) -> None:
        """Its new provider takes it over as it is."""
        was = member.up
        self._turn(recorded.subject, member, None)
        self._end_retry(member, "cancelled")
        self._counting.spread(self._rows)  # to the provider that it had until now
        member.provider = event.provider
        self._turn(recorded.subject, member, was)

    def start(self, recorded: Recorded, event: SyncStarted, member: Member) -> None:
        row = turns.started(recorded, event, member, self._iso())
        self._rows.turns[recorded.seq] = row
        member.sync, member.attempt = recorded.seq, event.attempt
        if event.attempt:
            retries.begin(self._rows, member)

    def succeed(self, recorded: Recorded, event: SyncSucceeded, member: Member) -> None:
        retries.note(member, event.failures)
        records = event.records if self._may_keep(member.tenant) else None
        outcome = ("succeeded", event.duration_ms, records, None, None, None)
        self._end(recorded.subject, event.sync, outcome)
        self._count_sync(recorded, event, member)
        self._turn(recorded.subject, member, 1)

    def fail(self, recorded: Recorded, event: SyncFailed, member: Member) -> None:
        retries.note(member, event.failures or (event,))
        outcome = ("failed", event.duration_ms, None, event.cause.value, event.message, None)
        self._end(recorded.subject, event.sync, outcome)
        self._count_sync(recorded, event, member)
        self._turn(recorded.subject, member, 0)

    def cancel(self, recorded: Recorded, event: SyncCancelled, member: Member) -> None:
        if event.sync is None:
            return
        self._end(recorded.subject, event.sync, ("cancelled", None, None, None, None, None))
        self._end_running(member, "cancelled")
        member.sync = None

    def interrupt(self, recorded: Recorded, event: SyncInterrupted, member: Member) -> None:
        reason = event.reason.value
        self._end(recorded.subject, event.sync, ("interrupted", None, None, None, None, reason))
        if event.retry is None:
            self._end_running(member, "cancelled")
        elif member.attempt:
            retries.move(self._rows, member, self._iso())
        member.sync = None

    def skip(self, recorded: Recorded, event: SyncSkipped, member: Member) -> None:
        if self._whole:
            row = turns.skipped(recorded, event, member, self._iso())
            self._rows.turns[recorded.seq] = row

    def schedule_retry(self, recorded: Recorded, event: RetryScheduled, member: Member) -> None:
        retries.schedule(self._rows, recorded, event, member, self._iso())

    def move_retry(self, _: Recorded, event: RetryMoved, member: Member) -> None:
        retries.move(self._rows, member, iso(event.due))

    def end_retries(self, _: Recorded, _event: RetriesEnded, member: Member) -> None:
        self._end_retry(member, "cancelled")

    def _end(self, subject: int, sync: int, outcome: Row) -> None:
        status, duration_ms, records, cause, message, reason = outcome
        row = self._rows.turns.get(sync)
        if not self._whole and row is not None:
            del self._rows.turns[sync]  # it began before that, too
            return
        at = self._iso()
        if row is None:
            change = (status, at, duration_ms, records, cause, message, reason, sync)
            self._rows.turns_ended.append((*change, subject))
            return
        row[turns.STATUS], row[turns.ENDED] = status, at
        row[turns.OUTCOME] = duration_ms, records, cause, message, reason

    def _count_sync(
        self, recorded: Recorded, event: SyncSucceeded | SyncFailed, member: Member
    ) -> None:
        subject = recorded.subject
        if member.attempt and member.sync == event.sync:
            hours.add_retry(self._counting.figures(subject), event)
            word = "completed" if isinstance(event, SyncSucceeded) else "failed"
            self._end_running(member, word, event.duration_ms)
        member.sync = None
        self._counting.duration(subject, event.duration_ms)

    def _end_retry(self, member: Member, status: str) -> None:
        retries.end(self._rows, member, status, self._iso())

    def _end_running(self, member: Member, status: str, duration_ms: int | None = None) -> None:
        """The same where it runs, and is not just pending."""
        if member.attempt:
            retries.end(self._rows, member, status, self._iso(), duration_ms)

    def _turn(self, subject: int, member: Member, up: int | None) -> None:
        """It is up from here on, or down, or nobody knows."""
        if (was := member.up) == up:
            return
        known = (up is not None) - (was is not None)
        self._counting.turn(subject, up=(up or 0) - (was or 0), known=known)
        member.up = up


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


_MAKES: Mapping[type[Fact], Callable[[Facts, Recorded, Any], None]] = {
    **dict.fromkeys(details.OF_CONSENT, Facts.consent),
    ConnectionAdded: Facts.add,
    PassEnded: Facts.end_pass,
    SourceAdded: Facts.add_source,
    ReportReceived: Facts.report,
}


class Part(Struct, frozen=True, kw_only=True):
    """What becomes of a type of event: whatever its subject (`makes`), or of a connection."""

    tag: str
    occurs: bool
    streams: bool
    traced: bool
    makes: Callable[[Facts, Recorded, Any], None] | None
    tells: Callable[[Any, int], Sequence[Row]] | None
    adds: Callable[[hours.Figures, Any, datetime], None] | None
    changes: Callable[[Facts, Recorded, Any, Member], None] | None


PARTS: dict[type[Fact], Part] = {}


def part_of(of: type[Fact]) -> Part:
    found = PARTS[of] = Part(
        tag=str(of.__struct_config__.tag),
        occurs=of not in QUIET,
        streams=of in hours.OF_STREAM,
        traced=of in TRACED,
        makes=_MAKES.get(of),
        tells=failed.TELLS.get(of),
        adds=hours.ADDS.get(of),
        changes=_CHANGES.get(of),
    )
    return found
