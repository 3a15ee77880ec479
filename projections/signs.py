"""Which events are signs of how a subject does, of those that its other slices do not name?

They are what an issue's evidence is made of: without them it would have to be looked for in the
log. All of it is bounded, and of a connection without trouble it is little.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.issues import DriftJudged
from events.retirement import RetirementAnnounced
from events.schema import (
    AuthorisationNeeded,
    AuthorisationWaived,
    ClockStepped,
    ConnectionAdded,
    ConnectionAuthorised,
    ConnectionRelinked,
    ConnectionResumed,
    CredentialSet,
    DaemonStarted,
    ProviderDeclared,
    RecordsCaptured,
    RecordsRefused,
    SyncFailed,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
)
from events.sources import ReportReceived, SourceAdded, SourceChanged
from events.versions import RecordsQuarantined, RolledBack
from projections import heard
from projections.heard import Heard
from projections.reported import Report, Source
from projections.streams import Streams

FAILED_KEPT = 5  # the first of a row, and the last ones
SUCCEEDED_KEPT = 2  # as many as show that what is slow is no chance
TURNS_KEPT = 16  # a threshold is at most that
DURATIONS_KEPT = 9  # the last two, and what is usual before them
STEPS_KEPT = 8  # of the clock: more of them say no more

OF_CONNECTION = frozenset(
    {
        ConnectionAdded,
        ConnectionResumed,
        ConnectionRelinked,
        SyncSucceeded,
        SyncFailed,
        RecordsCaptured,
        RecordsRefused,
        RecordsQuarantined,
        RolledBack,
        AuthorisationNeeded,
        AuthorisationWaived,
        ConnectionAuthorised,
        CredentialSet,
        TokenRefreshed,
        TokenInDoubt,
        DriftJudged,
    }
)
OF_OTHERS = frozenset({ProviderDeclared, RetirementAnnounced, ClockStepped, DaemonStarted})
"""What tells of a provider, or of the fleet."""


class Mark(Struct, frozen=True, kw_only=True, array_like=True):
    """An event, and when it was recorded."""

    seq: int
    at: datetime


class Owing(Struct, frozen=True, kw_only=True):
    """A stream owes days, of which `day` is the oldest, since that event."""

    mark: Mark
    day: date


class Judged(Struct, frozen=True, kw_only=True):
    """A stream has drifted, as that event says."""

    mark: Mark
    what: DriftJudged


class Step(Struct, frozen=True, kw_only=True):
    """The clock jumped."""

    mark: Mark
    by: timedelta


class Signs(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of a connection: `begun` is when it was added, resumed or moved last, `moved` that last one.

    `succeeded` are its last successes, `failed` its failures since then (the first, and the last
    ones, or the rollback to when there were some); `recovered` counts successes in a row. `turns`
    are the ends at which it went from the one to the other, `durations` those of its last
    successes, in milliseconds. `refused` and `owing` are by stream: the last refusal since it
    brought anything, and the days that it owes. `grant` is what its grant went through last.
    `drifted` are by stream, too: what was said last of those that have.

    Of a provider: its file, as it was `declared`, and what its answers `announced`. Of the fleet:
    the last `started` life, and the `steps` of the clock.

    Of a source: when it was added last (`begun`), what is expected of it, as it was `declared`, and
    of its reports since then the `latest`, the last that told a depth of its queue (`queued`), and
    the last that told how it does (`heard`); `latest` and `queued` are 0 before there is one.
    """

    begun: Mark | None = None
    moved: int = 0
    succeeded: tuple[Mark, ...] = ()
    failed: tuple[Mark, ...] = ()
    recovered: int = 0
    turns: tuple[Mark, ...] = ()
    durations: tuple[int, ...] = ()
    refused: Mapping[str, Mark] = {}
    owing: Mapping[str, Owing] = {}
    grant: Mark | None = None
    drifted: Mapping[str, Judged] = {}
    declared: Mark | None = None
    announced: Mark | None = None
    started: Mark | None = None
    steps: tuple[Step, ...] = ()
    latest: int = 0
    queued: int = 0
    heard: tuple[Heard, ...] = ()


NOTHING = Signs()


def evolve(signs: Signs, recorded: Recorded, streams: Streams) -> Signs:
    """Fold one event of those named above; `streams` are the connection's, after it."""
    mark = Mark(seq=recorded.seq, at=recorded.at)
    match recorded.event:
        case RecordsCaptured(stream=name, owed=owed):
            after = _owing(signs, mark, streams) if signs.owing or owed else signs
            if name in after.refused and streams[name].doubt is None:
                return replace(after, refused=_without(after.refused, name))
            return after
        case SyncSucceeded(duration_ms=duration):
            return _succeeded(_owing(signs, mark, streams), mark, duration)
        case SyncFailed():
            return _failed(_owing(signs, mark, streams), mark)
        case RecordsRefused(stream=name) | RecordsQuarantined(stream=name):
            after = replace(signs, refused={**signs.refused, name: mark})
            return _owing(after, mark, streams)
        case RolledBack(state=state):
            after = _owing(signs, mark, streams)
            if state is None:
                return after
            return replace(after, failed=(mark,) if state.consecutive_failures else ())
        case ConnectionAdded():
            return Signs(begun=mark, moved=signs.moved)
        case ConnectionRelinked():
            return Signs(begun=mark, moved=recorded.seq)
        case ConnectionResumed():
            return replace(signs, begun=mark, drifted={})
        case DriftJudged(stream=name, how=None):
            return replace(signs, drifted=_rest(signs, name))
        case DriftJudged(stream=name) as what:
            judged = Judged(mark=mark, what=what)
            return replace(signs, drifted={**_rest(signs, name), name: judged})
        case ProviderDeclared():
            return replace(signs, declared=mark)
        case RetirementAnnounced():
            return replace(signs, announced=mark)
        case DaemonStarted():
            return replace(signs, started=mark)
        case ClockStepped(step=by):
            return replace(signs, steps=(*signs.steps, Step(mark=mark, by=by))[-STEPS_KEPT:])
        case _:
            return replace(signs, grant=mark)


def of_source(signs: Signs, recorded: Recorded, source: Source) -> Signs:
    """Fold one event of a source, which is so after it."""
    mark = Mark(seq=recorded.seq, at=recorded.at)
    match recorded.event:
        case SourceAdded():
            return Signs(begun=mark, declared=mark)
        case SourceChanged():
            return replace(signs, declared=mark)
        case ReportReceived() as event:
            return replace(
                signs,
                latest=mark.seq if _is_it(source.latest, event) else signs.latest,
                queued=mark.seq if _is_it(source.queue, event) else signs.queued,
                heard=heard.evolve(signs.heard, event, mark.seq),
            )
        case _:
            return signs


def _is_it(report: Report | None, event: ReportReceived) -> bool:
    return report is not None and (report.at, report.key) == (event.reported, event.key)


def _succeeded(signs: Signs, mark: Mark, duration_ms: int) -> Signs:
    turned = (mark,) if signs.failed else ()
    return replace(
        signs,
        succeeded=(*signs.succeeded, mark)[-SUCCEEDED_KEPT:],
        failed=(),
        recovered=signs.recovered + 1,
        turns=(*signs.turns, *turned)[-TURNS_KEPT:],
        durations=(*signs.durations, duration_ms)[-DURATIONS_KEPT:],
    )


def _failed(signs: Signs, mark: Mark) -> Signs:
    """The first failure after a success is a turn; the first of all has nothing to turn from."""
    turned = (mark,) if signs.succeeded and not signs.failed else ()
    first, rest = signs.failed[:1], signs.failed[1:]
    return replace(
        signs,
        failed=(*first, *(*rest, mark)[-(FAILED_KEPT - 1) :]),
        recovered=0,
        turns=(*signs.turns, *turned)[-TURNS_KEPT:],
    )


def _owing(signs: Signs, mark: Mark, streams: Streams) -> Signs:
    """Since when each stream owes its oldest day; the mark stays while that day does."""
    found = {
        name: before
        if (before := signs.owing.get(name)) and before.day == stream.failed_days[0]
        else Owing(mark=mark, day=stream.failed_days[0])
        for name, stream in streams.items()
        if stream.failed_days
    }
    return replace(signs, owing=found) if found or signs.owing else signs


def _rest(signs: Signs, name: str) -> dict[str, Judged]:
    """What has drifted besides that stream."""
    return {each: judged for each, judged in signs.drifted.items() if each != name}


def _without(refused: Mapping[str, Mark], name: str) -> Mapping[str, Mark]:
    return {each: mark for each, mark in refused.items() if each != name}
