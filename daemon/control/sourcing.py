"""Which sources are there, how do they stand, and how do people add, change and remove them?"""

from datetime import timedelta

import msgspec
import trio
from msgspec.structs import replace

from daemon import commands, source_file, sources
from daemon.control import whose
from daemon.control.act import DURABLE_WAIT_S, NOT_WRITTEN, done, durable, execute, room
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.control.source_messages import (
    DaySums,
    Metrics,
    SourceAnswer,
    SourceList,
    SourceName,
    SourcesQuery,
    SourceToken,
    SourceView,
    SourceWish,
)
from daemon.decide import punctuality, reporting
from daemon.duration import Duration, text
from daemon.source_file import PATTERNS, SourceTable
from daemon.vault import VaultFull
from events.envelope import Recorded
from events.schema import FLEET
from events.sources import Expectation, Figures, SourceAdded
from events.terms import Caller
from projections import consent, reported
from projections.reported import Source
from projections.tenant import Tenant

DISK_FULL = "the disk is full, not all was set; free some space, then type it again"


async def show_all(desk: Desk, query: SourcesQuery, by: Caller) -> SourceList:
    """Raise Refused (not-found) where nobody is called so."""
    if query.tenant is not None:
        whose.enrolled(desk, "tenant", query.tenant)
    world, now = desk.journal.world, desk.journal.clock.now()
    seq, found = world.seq, []
    async for subject in whose.unhurried(subjects(desk, query.tenant)):
        known = reporting.living(world, subject)
        if known is not None:
            found.append(view(desk, subject, known))
    found.sort(key=lambda each: each.source)
    return SourceList(seq=seq, now=now, sources=found)


async def show(desk: Desk, name: SourceName, by: Caller) -> SourceAnswer:
    subject, known = find(desk, name.source)
    days = [
        DaySums(day=day, **msgspec.structs.asdict(sums))
        for day, sums in reversed(reported.sums(known).items())
    ]
    monitored = consent.monitored(desk.journal.world, known.tenant)
    if not monitored:
        days = [replace(each, records=0) for each in days]
    return SourceAnswer(
        seq=desk.journal.world.seq,
        now=desk.journal.clock.now(),
        source=view(desk, subject, known),
        days=days,
        monitored=monitored,
    )


async def add(desk: Desk, wish: SourceWish, by: Caller) -> Done:
    """Add a source; of one that exists, change what is given."""
    if wrong := source_file.check_name(wish.source):
        raise Refused("invalid", wrong)
    tenant = wish.source.partition("/")[0]
    if desk.sees is not None and desk.vault.subject("tenant", tenant) is None:
        raise Refused("not-allowed", f"you may not add sources of {tenant}")
    subject = desk.vault.subject("source", wish.source)
    known = reporting.living(desk.journal.world, subject) if subject else None
    if known is not None and known.declared:
        raise Refused(
            "declared",
            f"{wish.source} stands in the configuration; change it there and restart roundsd",
        )
    expected = _expectation(wish, known)
    await room(desk)
    try:
        recorded = sources.add(desk.journal, desk.vault, wish.source, expected, by=by)
    except VaultFull:
        raise Refused("disk-full", DISK_FULL) from None
    if not recorded and known is None:
        raise Refused("invalid", f"{sources.FULL}; `rounds source remove` removes one")
    await durable(desk, recorded)
    if any(isinstance(each.event, SourceAdded) for each in recorded):
        words = f"added; its token, which is shown once: rounds source token {wish.source}"
    else:
        words = "changed" if recorded else "exists already; nothing is new"
    return done(desk, recorded, words)


async def set_(desk: Desk, wish: SourceWish, by: Caller) -> Done:
    """The same, where it is there. Raises Refused (not-found)."""
    find(desk, wish.source)
    return await add(desk, wish, by)


async def remove(desk: Desk, name: SourceName, by: Caller) -> Done:
    subject, known = find(desk, name.source)
    if known.declared:
        raise Refused(
            "declared",
            f"{name.source} stands in the configuration; take it out there and restart roundsd",
        )
    await room(desk)
    recorded = await _removed(desk, subject, by)
    return done(desk, recorded, "removed, and its token is void; what it reported is kept")


async def token(desk: Desk, name: SourceName, by: Caller) -> SourceToken:
    """A new token, which is told once what makes the one before it void is durable."""
    subject, _ = find(desk, name.source)
    recorded = await execute(desk, commands.NoteSourceToken(subject=subject, by=by))
    _, known = find(desk, name.source)
    if not recorded or known.token_in != recorded[-1].seq:
        raise Refused("busy", "somebody else asked for a token of it just now; ask once more")
    drawn = sources.drawn(subject)
    try:
        sources.keep(desk.vault, known.tenant, subject, known.token_in, drawn)
    except VaultFull:
        raise Refused("disk-full", DISK_FULL) from None
    return SourceToken(seq=desk.journal.head.seq, source=name.source, token=drawn.reveal())


def called(desk: Desk, name: str) -> int | None:
    """The source that is called so, also where it was removed; a connection that lives comes first.

    Of two that were removed, the connection does.
    """
    world, found = desk.journal.world, desk.vault.subject("source", name)
    other = world.connections.get(desk.vault.subject("connection", name) or FLEET)
    source = world.sources.get(found or FLEET)
    if source is None or (other is not None and (source.removed or not other.removed)):
        return None
    return found


def find(desk: Desk, name: str) -> tuple[int, Source]:
    """The source of that name. Raises Refused (not-found)."""
    subject = desk.vault.subject("source", name)
    known = reporting.living(desk.journal.world, subject) if subject else None
    if subject is None or known is None:
        raise Refused(
            "not-found",
            f"there is no source {name}; `rounds source list` shows those there are, "
            "`rounds source add` adds one",
        )
    return subject, known


def outside(desk: Desk, tenant: str) -> list[SourceView]:
    """All that report for a tenant, by their names; none of who is not there."""
    world = desk.journal.world
    found = [view(desk, each, world.sources[each]) for each in subjects(desk, tenant)]
    return sorted(found, key=lambda each: each.source)


def subjects(desk: Desk, tenant: str | None, name: str | None = None) -> list[int]:
    """Those of a tenant, or the one of that name there; or of all. None of who is not there.

    Where a provider alone is named, it is of none: no source is at one.
    """
    world = desk.journal.world
    if tenant is None:
        everybody = () if name is not None else world.sources
        return [each for each in everybody if reporting.living(world, each) is not None]
    if name is not None:
        found = desk.vault.subject("source", f"{tenant}/{name}")
        return [] if found is None or reporting.living(world, found) is None else [found]
    subject = desk.vault.subject("tenant", tenant)
    known = world.tenants.get(subject, Tenant()) if subject is not None else Tenant()
    return [*known.sources]


def view(desk: Desk, subject: int, known: Source) -> SourceView:
    world, now = desk.journal.world, desk.journal.clock.now()
    standing, expected = punctuality.standing(known, world, now), known.expectation
    latest, queue = known.latest, known.queue
    return SourceView(
        source=desk.vault.name(subject),
        tenant=desk.vault.name(known.tenant),
        subject=subject,
        pattern=expected.pattern,
        expected_every=expected.every,
        late_after=expected.late_after,
        night=expected.night,
        declared=known.declared,
        token_set=known.token_set,
        punctuality=standing.punctuality.value,
        due_at=standing.due_at,
        late_at=standing.late_at,
        reported_at=latest.at if latest else None,
        latest=_metrics(latest.figures) if latest else None,
        queue_depth=queue.figures.queue_depth if queue else None,
        oldest=queue.figures.oldest if queue else None,
        queue_at=queue.at if queue else None,
    )


async def _removed(desk: Desk, subject: int, by: Caller) -> list[Recorded]:
    with trio.move_on_after(DURABLE_WAIT_S):
        return await sources.remove(desk.journal, desk.vault, subject, by)
    raise Refused("disk-full", NOT_WRITTEN)


def _expectation(wish: SourceWish, known: Source | None) -> Expectation:
    """What is given, over what was expected before, over the pattern. Raises Refused (invalid)."""
    before = known.expectation if known else None
    pattern = wish.pattern or (before.pattern if before else None)
    if pattern is None:
        patterns = ", ".join(PATTERNS)
        raise Refused("invalid", f"say what {wish.source} is: a pattern, one of {patterns}")
    if before is not None and before.pattern is not pattern:
        before = None  # another pattern brings its own
    try:
        table = SourceTable(
            pattern=pattern,
            expected_every=_span(wish.expected_every, before.every if before else None),
            late_after=_span(wish.late_after, before.late_after if before else None),
            night=before.night if wish.night is None and before else wish.night,
        )
        return source_file.expectation(table)
    except ValueError as error:
        raise Refused("invalid", f"{wish.source} {error}") from None


def _span(given: str | None, usual: timedelta | None) -> str | None:
    """As the configuration would have it. Raises ValueError, whose text is a clause."""
    if given is None:
        return text(usual) if usual else None
    try:
        return msgspec.convert(given, Duration)
    except msgspec.ValidationError:
        raise ValueError(f"cannot have the span {given!r}; write 15m, 6h or 7d") from None


def _metrics(figures: Figures) -> Metrics:
    values = msgspec.structs.asdict(figures)
    return Metrics(status=values.pop("health"), **values)
