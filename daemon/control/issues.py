"""What is wrong: with everything, with what a tenant has, with one connection or source?"""

from collections.abc import AsyncIterator, Collection, Iterator
from datetime import timedelta

from msgspec.structs import replace

from daemon import issue_words
from daemon.control import policies, sourcing, whose
from daemon.control.desk import Desk
from daemon.control.issue_messages import DetectQuery, IssueList, IssuesQuery, IssueView
from daemon.control.whose import Known
from daemon.decide import issues, reporting
from daemon.decide.sighting import GRAVITY
from events.issues import IssueKind, IssueOpened, Threshold
from events.schema import FLEET
from events.terms import Caller
from projections import source
from projections.issues import NOTHING, Closed, Issue, key

LISTED_MAX = 1000  # in one answer: who has more of them names a tenant, or a kind

CATEGORIES = {
    IssueKind.STALE: "stale",
    IssueKind.GAP: "gaps",
    IssueKind.REFUSED: "failures",
    IssueKind.FAILING: "failures",
    IssueKind.FLAPPING: "failures",
    IssueKind.GRANT: "failures",
    IssueKind.WRITES: "failures",
    IssueKind.QUEUED: "failures",
}
"""The documents' three, and `warnings` for what they have no word for."""
REST = "warnings"


async def show(desk: Desk, wish: IssuesQuery, by: Caller) -> IssueList:
    """Those that are open, and perhaps the last that were."""
    seq = desk.journal.world.seq
    found: list[IssueView] = []
    everybody = wish.tenant is None and wish.provider is None and desk.sees is None
    subjects = _known(desk) if everybody else _subjects(desk, wish.tenant, wish.provider)
    async for subject in subjects:
        found += _of(desk, subject, closed=wish.closed)
    chosen = [
        each
        for each in found
        if wish.kind in (None, each.kind) and wish.severity in (None, each.severity)
    ]
    return _listed(desk, seq, chosen)


async def detect_sync_issues(desk: Desk, wish: DetectQuery, by: Caller) -> IssueList:
    """Look at all that a tenant has with that threshold, whatever was said of it before."""
    world, now = desk.journal.world, desk.journal.clock.now()
    seq, asked, found = world.seq, timedelta(hours=wish.threshold_hours), []
    async for subject in _subjects(desk, wish.tenant, wish.provider):
        seen = issues.judged(world, subject, now, asked=asked, fresh=True)
        found += [_view(desk, subject, each) for each in seen.found]
    return _listed(desk, seq, found)


async def _known(desk: Desk) -> AsyncIterator[int]:
    """Those of all with which anything was ever wrong, and who are there."""
    world = desk.journal.world
    async for subject in whose.unhurried([*world.issues]):
        known = world.connections.get(subject)
        if known is not None and known.removed:
            continue
        if subject in world.sources and reporting.living(world, subject) is None:
            continue
        if subject in world.providers and subject not in world.under:
            continue
        yield subject


async def _subjects(desk: Desk, tenant: str | None, provider: str | None) -> AsyncIterator[int]:
    """Whom it concerns. A tenant is told of providers that it has connections at, and no others."""
    outside = sourcing.subjects(desk, tenant, provider)
    if tenant is None and provider is None:
        yield FLEET
        found = await whose.chosen(desk, None)
    else:
        found = await whose.chosen_or(desk, tenant, provider, none=bool(outside))
    for each in sorted(_providers(found)):
        yield each
    async for subject, _ in whose.unhurried(found):
        yield subject
    async for subject in whose.unhurried(outside):
        yield subject


def _providers(found: Collection[Known]) -> set[int]:
    return {known.provider for _, known in found}


def _of(desk: Desk, subject: int, *, closed: bool) -> Iterator[IssueView]:
    """What is open is told as it stands now; its number is that of the event that opened it."""
    world, now = desk.journal.world, desk.journal.clock.now()
    there = world.issues.get(subject, NOTHING)
    if there.open:
        seen = issues.judged(world, subject, now).found
        current = {(each.kind, each.stream): each for each in seen}
        for each in there.open:
            yield _opened(desk, subject, each, current.get(key(each), each.what))
    for ended in there.closed if closed else ():
        yield _closed(desk, subject, ended)


def _opened(desk: Desk, subject: int, issue: Issue, what: IssueOpened) -> IssueView:
    return _view(desk, subject, what, issue)


def _closed(desk: Desk, subject: int, ended: Closed) -> IssueView:
    return _view(desk, subject, ended.issue.what, ended.issue, ended)


def _view(
    desk: Desk,
    subject: int,
    what: IssueOpened,
    issue: Issue | None = None,
    ended: Closed | None = None,
) -> IssueView:
    name = desk.vault.name(subject) if subject != FLEET else "fleet"
    by = _named(what.threshold)
    shown = {*what.evidence, *(issue.what.evidence if issue else ())}
    return IssueView(
        kind=what.kind,
        category=CATEGORIES.get(what.kind, REST),
        severity=issue.severity if issue else what.severity,
        name=name,
        stream=what.stream,
        since=issue.what.since if issue else what.since,
        sentence=issue_words.sentence(what),
        command=issue_words.command(what, name, oauth=_speaks_oauth(desk, subject)),
        evidence=sorted(shown),
        threshold=by,
        judged=issue_words.judged(by),
        issue=issue.opened if issue else None,
        opened_at=issue.at if issue else None,
        closed=ended.event if ended else None,
        closed_at=ended.at if ended else None,
        reason=ended.reason if ended else None,
    )


def _speaks_oauth(desk: Desk, subject: int) -> bool:
    known = desk.journal.world.connections.get(subject)
    return known is not None and desk.journal.world.providers[known.provider].grant is not None


def _named(by: Threshold) -> Threshold:
    """What the configuration need not say, as it holds anyway, is the default."""
    usual = getattr(policies.DEFAULT, by.name, None)
    is_usual = by.whose == source.CONFIGURATION and usual in (by.number, by.span)
    return replace(by, whose=source.DEFAULT) if is_usual else by


def _listed(desk: Desk, seq: int, found: list[IssueView]) -> IssueList:
    found.sort(
        key=lambda each: (
            each.closed is not None,
            -GRAVITY.index(each.severity),
            each.since,
            each.name,
        )
    )
    left_off = max(0, len(found) - LISTED_MAX)
    now = desk.journal.clock.now()
    return IssueList(seq=seq, now=now, issues=found[:LISTED_MAX], left_off=left_off)
