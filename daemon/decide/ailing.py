"""What is wrong with a source: is it silent, do things wait with it, does it say that it does ill?

silent   no report by the time at which `punctuality` calls it late
queued   as its last report of it says, the oldest thing there had waited for as long by then
failing  so many reports in a row, by their own time, tell of trouble
"""

from datetime import datetime, timedelta
from itertools import takewhile

from msgspec import Struct

from daemon.decide import punctuality, reporting, sighting, streaks
from daemon.decide.lateness import STALE
from daemon.decide.sighting import CENTURY, FINE, Verdict, grade, joined, numbers
from daemon.decide.thresholds import ASKED
from events.issues import IssueKind, IssueOpened, Threshold
from projections import policy, signs, source
from projections.issues import Issue, Key
from projections.reported import Source
from projections.signs import Signs
from projections.world import World

OF_SOURCE = "source"
EVIDENCE_LAST = 4  # of a row, besides its first


class Sight(Struct, frozen=True, kw_only=True):
    """A source as it is looked at `now`; `open`, `asked` and `alive` as in a connection's View."""

    world: World
    subject: int
    now: datetime
    known: Source
    signs: Signs
    open: dict[Key, Issue]
    asked: timedelta | None
    alive: datetime | None

    def has(self, kind: IssueKind) -> bool:
        return (kind, "") in self.open


def judged(
    world: World, subject: int, now: datetime, asked: timedelta | None, *, fresh: bool
) -> Verdict:
    """Of one that was removed nothing is expected."""
    known = reporting.living(world, subject)
    if known is None:
        return FINE
    sight = Sight(
        world=world,
        subject=subject,
        now=now,
        known=known,
        signs=world.signs.get(subject, signs.NOTHING),
        open={} if fresh else sighting.there(world, subject),
        asked=asked,
        alive=sighting.alive(world, fresh=fresh),
    )
    return joined([stale(sight), queued(sight), failing(sight)])


def stale(sight: Sight) -> Verdict:
    """It has not reported for too long. While we were away it could not, and has a moment yet."""
    expected = sight.known.expectation
    standing = punctuality.standing(sight.known, sight.world, sight.now)
    last, late_at, limit = standing.due_at - expected.every, standing.late_at, _late_after(sight)
    if sight.asked is not None:
        late_at = sighting.later(last, sight.asked)
        limit = Threshold(name="threshold_hours", whose=ASKED, span=sight.asked)
    span = sight.asked if sight.asked is not None else expected.late_after
    severity, again = grade(sight.now, sighting.earlier(late_at, span), span, STALE)
    waits = None if sight.has(IssueKind.STALE) else sighting.settles(sight.alive, sight.now)
    if severity is None or waits:
        return Verdict(again=waits if severity else again)
    found = IssueOpened(
        kind=IssueKind.STALE,
        severity=severity,
        since=last,
        evidence=numbers(sight.signs.latest or sight.signs.begun),
        threshold=limit,
        reported=True,
    )
    return Verdict(found=(found,), again=again)


def queued(sight: Sight) -> Verdict:
    """Judged as of that report: of what has been sent since then it would have told."""
    queue = sight.known.queue
    if queue is None or not sight.signs.queued:
        return FINE
    depth, oldest = queue.figures.queue_depth, queue.figures.oldest
    if not depth or oldest is None or oldest >= queue.at:
        return FINE
    since, span = max(oldest, queue.at - CENTURY), sight.known.expectation.late_after
    late_at = punctuality.late_at(sight.known, sight.world, since)
    severity, _ = grade(queue.at, sighting.earlier(late_at, span), span, STALE)
    if severity is None:
        return FINE
    found = IssueOpened(
        kind=IssueKind.QUEUED,
        severity=severity,
        since=since,
        evidence=numbers(sight.signs.queued),
        threshold=_late_after(sight),
        count=depth,
        reported=True,
    )
    return Verdict(found=(found,))


def failing(sight: Sight) -> Verdict:
    """It takes two good reports in a row to be over, as it does of syncs."""
    last_first = sight.signs.heard[::-1]
    ill = [*takewhile(lambda each: each.ill, last_first)]
    well = [*takewhile(lambda each: not each.ill, last_first)]
    limit, known = _failing_after(sight), sight.open.get((IssueKind.FAILING, ""))
    by = _failing_threshold(sight, limit) if len(ill) >= limit else None
    if known is not None and (ill or len(well) < streaks.CLEAR_AFTER):
        by = by or known.what.threshold
    if by is None:
        return FINE
    shown = [*ill[-1:], *ill[:EVIDENCE_LAST]] or last_first[:1]
    found = IssueOpened(
        kind=IssueKind.FAILING,
        severity=streaks.graded(len(ill), limit, None),
        since=ill[-1].at if ill or known is None else known.what.since,
        evidence=numbers(*(each.seq for each in shown)),
        threshold=by,
        count=len(ill),
        reported=True,
    )
    return Verdict(found=(found,))


def _late_after(sight: Sight) -> Threshold:
    """Its own, as the configuration, a command or its pattern says."""
    declared = sight.signs.declared
    return Threshold(
        name="late_after",
        whose=OF_SOURCE,
        span=sight.known.expectation.late_after,
        event=declared.seq if declared else 0,
    )


def _failing_after(sight: Sight) -> int:
    """The setting that connections have, as it holds for its tenant."""
    return policy.of_tenant(sight.world, sight.known.tenant).failing_after


def _failing_threshold(sight: Sight, limit: int) -> Threshold:
    found = source.of(sight.world, "tenant", sight.known.tenant, "failing_after")
    assert found is not None, "a setting that has a default is somebody's"
    number = float(limit)
    return Threshold(name="failing_after", whose=found.whose, number=number, event=found.event)
