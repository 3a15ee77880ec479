"""Which reports of a source are new, which are known, and which cannot be taken?

known  with the same figures  ──► nothing: it was taken before
known  with other figures     ──► refused, all of them: the first one stays
new    ahead, or too old      ──► refused, all of them
new    else                   ──► ReportReceived
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from msgspec import Struct

from daemon.commands import (
    AddSource,
    NoteSourceToken,
    RemoveSource,
    SourceCommand,
    TakeReports,
)
from daemon.commands.sources import Report
from daemon.decide.decisions import Decisions
from events.sources import (
    ReportReceived,
    SourceAdded,
    SourceChanged,
    SourceRemoved,
    SourceTokenSet,
)
from events.terms import Caller
from projections import reported
from projections.reported import Source
from projections.tenant import Tenant
from projections.world import World

AHEAD_MAX = timedelta(minutes=5)  # what clocks that are set over the network are apart, and more
AGE_MAX = timedelta(days=30)  # a phone that lay in a drawer for a month still tells of it
KEPT = AGE_MAX + timedelta(days=1)  # so that what may be taken is of a day that is remembered
REPORTS_A_DAY_MAX = 1440  # one a minute: who has more to tell sums it up before
SOURCES_MAX = 100  # of one tenant, so that all of them can be looked at together


class Why(StrEnum):
    """Why reports cannot be taken."""

    OTHER = "other"
    AHEAD = "ahead"
    OLD = "old"
    FULL = "full"


class Refusal(Struct, frozen=True, kw_only=True):
    """Which of the reports it is, counted from 0, and why."""

    place: int
    why: Why


class Judgement(Struct, frozen=True, kw_only=True):
    """What is to be recorded: what is not known already; nothing where one is refused."""

    new: tuple[ReportReceived, ...] = ()
    refusal: Refusal | None = None


def decide(command: SourceCommand, world: World, now: datetime) -> Decisions:
    match command:
        case AddSource():
            return _add(command, world)
        case RemoveSource(subject=subject, by=by):
            there = living(world, subject) is not None
            return [(subject, SourceRemoved(by=by))] if there else []
        case NoteSourceToken(subject=subject, by=by):
            there = living(world, subject) is not None
            return [(subject, SourceTokenSet(by=by))] if there else []
        case TakeReports(subject=subject, reports=reports, by=by):
            known = living(world, subject)
            found = judge(known, reports, now, by) if known else Judgement()
            return [(subject, each) for each in found.new]
        case _:
            assert_never(command)


def judge(
    source: Source, reports: tuple[Report, ...], now: datetime, by: Caller | None = None
) -> Judgement:
    """What becomes of these reports, one after the other."""
    new: list[ReportReceived] = []
    for place, report in enumerate(reports):
        before = reported.known(source, report.key, report.reported.date())
        if before is not None and before == reported.digest(report.reported, report.figures):
            continue
        why = Why.OTHER if before is not None else _unfit(source, report, now)
        if why is not None:
            return Judgement(refusal=Refusal(place=place, why=why))
        event = ReportReceived(
            reported=report.reported,
            key=report.key,
            figures=report.figures,
            kept_since=_kept_since(source, report),
            by=by,
        )
        source = reported.told(source, event)
        new.append(event)
    return Judgement(new=tuple(new))


def living(world: World, subject: int) -> Source | None:
    """The source, unless it was removed."""
    known = world.sources.get(subject)
    return None if known is None or known.removed else known


def is_full(world: World, tenant: int) -> bool:
    """Whether a tenant has as many sources as may be."""
    return len(world.tenants.get(tenant, Tenant()).sources) >= SOURCES_MAX


def _add(command: AddSource, world: World) -> Decisions:
    subject, expectation, declared = command.subject, command.expectation, command.declared
    known = living(world, subject)
    if known is None:
        if is_full(world, command.tenant):
            return []
        added = SourceAdded(
            tenant=command.tenant, expectation=expectation, declared=declared, by=command.by
        )
        return [(subject, added)]
    if (known.expectation, known.declared) == (expectation, declared):
        return []
    return [(subject, SourceChanged(expectation=expectation, declared=declared, by=command.by))]


def _unfit(source: Source, report: Report, now: datetime) -> Why | None:
    """Why a report that is not known cannot be taken, if it cannot.

    A day that is no longer remembered comes of a clock that was set back: what is told of it could
    be known, and count twice.
    """
    if report.reported > now + AHEAD_MAX:
        return Why.AHEAD
    if report.reported < now - AGE_MAX or report.reported.date() < source.kept_since:
        return Why.OLD
    full = reported.count(source, report.reported.date()) >= REPORTS_A_DAY_MAX
    return Why.FULL if full else None


def _kept_since(source: Source, report: Report) -> date:
    """By the reports' own times alone, so that it does not hang on when each arrived."""
    return max(source.kept_since, (report.reported - KEPT).date())
