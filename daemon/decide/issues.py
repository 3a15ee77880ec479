"""What is wrong with a subject, what is new of that, and what is over?

An issue is opened once, gets graver at most, and is closed when it is clearly over: most take less
to stay open than to be opened, so that what comes and goes does not open an issue each time.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from daemon.commands.issues import Inspect
from daemon.decide import ailing, drifting, expiring, lateness, sighting, streaks
from daemon.decide.decisions import Decisions
from daemon.decide.sighting import FINE, Verdict, View
from events.issues import (
    IssueClosed,
    IssueEnd,
    IssueEvent,
    IssueKind,
    IssueOpened,
    IssueRegraded,
)
from events.schema import FLEET
from projections import consent, issues, signs
from projections.issues import Issue
from projections.world import World

OPEN_MAX = 64  # of a subject: who has so many streams in trouble is told enough

Detector: TypeAlias = Callable[[View], Verdict]

DETECTORS: tuple[Detector, ...] = (
    expiring.token,
    streaks.failing,
    lateness.stale,
    lateness.gap,
    drifting.drifting,
    streaks.refused,
    lateness.writes,
    lateness.overdue,
    streaks.flapping,
    streaks.slow,
)
"""What looks at a connection; each is a function of one View, and another one is one line more."""


def inspect(command: Inspect, world: World, now: datetime) -> Decisions:
    return [
        each
        for subject in command.subjects
        for each in decided(world, subject, judged(world, subject, now))
    ]


def decided(world: World, subject: int, seen: Verdict) -> Decisions:
    """What is to be recorded of a subject, where somebody has `seen` that there."""
    found = {(each.kind, each.stream): each for each in seen.found}
    there = sighting.there(world, subject)
    over = [_closed(world, subject, each) for key, each in there.items() if key not in found]
    graver = [
        _regraded(issue, found[key])
        for key, issue in there.items()
        if key in found and found[key].severity is not issue.severity
    ]
    room = OPEN_MAX - len(there) + len(over)
    new = [each for key, each in found.items() if key not in there][:room]
    told: list[IssueEvent] = [*over, *graver, *new]
    return [(subject, event) for event in told]


def judged(
    world: World,
    subject: int,
    now: datetime,
    *,
    asked: timedelta | None = None,
    fresh: bool = False,
) -> Verdict:
    """What is wrong with it now. What is open already is at least as grave as it was said to be.

    A `fresh` look goes by nothing that was said before; `asked` is a threshold for what is stale.
    """
    if subject == FLEET:
        seen = expiring.clock(world.signs.get(FLEET, signs.NOTHING), now)
    elif subject in world.providers:
        of = world.signs.get(subject, signs.NOTHING)
        seen = expiring.retired(of, world.providers[subject], now)
    elif subject in world.connections:
        seen = _of_connection(world, subject, now, asked, fresh=fresh)
    elif subject in world.sources:
        seen = ailing.judged(world, subject, now, asked, fresh=fresh)
    else:
        return FINE
    return seen if fresh else _no_better(world, subject, seen)


def _of_connection(
    world: World, subject: int, now: datetime, asked: timedelta | None, *, fresh: bool
) -> Verdict:
    """Of what somebody paused or removed nothing is expected."""
    known = world.connections[subject]
    if known.removed or known.paused:
        return FINE
    view = sighting.view(world, subject, now, asked, fresh=fresh)
    return sighting.joined(detect(view) for detect in DETECTORS)


def _no_better(world: World, subject: int, seen: Verdict) -> Verdict:
    there = sighting.there(world, subject)
    if not there or not seen.found:
        return seen
    found = tuple(
        sighting.at_least(each, before.severity)
        if (before := there.get((each.kind, each.stream)))
        else each
        for each in seen.found
    )
    return Verdict(found=found, again=seen.again)


def _closed(world: World, subject: int, issue: Issue) -> IssueClosed:
    what = issue.what
    return IssueClosed(
        kind=what.kind,
        opened=issue.opened,
        reason=_end(world, subject, issue),
        stream=what.stream,
    )


def _end(world: World, subject: int, issue: Issue) -> IssueEnd:
    source = world.sources.get(subject)
    if source is not None and source.removed:
        return IssueEnd.REMOVED
    known = world.connections.get(subject)
    if known is None:
        return IssueEnd.OVER
    if known.removed:
        return IssueEnd.REMOVED
    if known.paused:
        return IssueEnd.PAUSED
    if issue.what.kind is IssueKind.DRIFTING and not consent.of_connection(world, subject):
        return IssueEnd.UNMONITORED
    moved = world.signs.get(subject, signs.NOTHING).moved
    return IssueEnd.MOVED if moved > issue.opened else IssueEnd.OVER


def _regraded(issue: Issue, found: IssueOpened) -> IssueRegraded:
    kind, stream = issues.key(issue)
    return IssueRegraded(
        kind=kind,
        opened=issue.opened,
        severity=found.severity,
        before=issue.severity,
        evidence=found.evidence,
        stream=stream,
    )
