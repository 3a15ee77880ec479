"""How does the queue do: how much waits, since when, kept by what, and what clears that?

Beside it stand the queues of writes, and those that a tenant's sources outside report of.
"""

from datetime import datetime
from typing import Any

from daemon.control import sourcing, whose
from daemon.control.desk import Desk
from daemon.control.queue_messages import (
    BlockedView,
    QueueHealth,
    QueuePart,
    WaitsView,
    WritesHealth,
)
from daemon.control.rotation_messages import Whose
from daemon.control.whose import Known
from daemon.decide import backlog, line
from daemon.decide.backlog import Backlog, Kept, Part, Waits
from daemon.decide.hindrance import Hindrance
from events.terms import Caller, SkipReason
from projections.outbox import Phase

EXPLAIN, QUEUE, BREAKERS = "rounds explain {}", "rounds queue", "rounds breaker list"
AUTHORISE, OUTBOX = "rounds connection authorize {}", "rounds outbox list {}"

PUT_OFF = "rest"

CLEARS: dict[str, tuple[str, str]] = {
    Hindrance.BREAKER: (
        "a breaker is open; when its time is over one may try, without one somebody must close it",
        BREAKERS,
    ),
    Hindrance.DISABLED: ("syncs are switched off, until a setting switches them on", EXPLAIN),
    Hindrance.QUIET_HOURS: ("quiet hours, which end by themselves", EXPLAIN),
    Hindrance.CRASHED: ("rounds itself failed on it, and tries again after a rest", EXPLAIN),
    Hindrance.RESTORING: ("it goes back to earlier data, and goes on after that", QUEUE),
    Hindrance.FLEET_FULL: ("as many syncs run as may, until one of them ends", QUEUE),
    Hindrance.PROVIDER_FULL: ("as many run at its provider as may, until one ends", QUEUE),
    Hindrance.RETRIES_FULL: ("as many retries run as may, until one of them ends", QUEUE),
    Hindrance.PROBE: ("a breaker lets one at a time try, until that succeeds", BREAKERS),
    Hindrance.BATCH_PAUSE: ("its provider rests for a moment after a batch of syncs", QUEUE),
    Hindrance.ASKED_TO_WAIT: ("the provider asked to be left alone, until then", EXPLAIN),
    SkipReason.PAUSED: ("its connection is paused, until somebody resumes it", "rounds resume {}"),
    SkipReason.NOT_AUTHORISED: ("its connection waits to be authorised", AUTHORISE),
    SkipReason.REMOVED: ("its connection was removed", OUTBOX),
    line.KEY_EXPIRED: ("it may have arrived, and its key is too old: somebody must look", OUTBOX),
    Phase.IN_DOUBT: ("the first may have arrived, or not: somebody must look", OUTBOX),
    PUT_OFF: ("its last attempt failed; it leaves again by itself after a rest", OUTBOX),
    line.OVER_LIMIT: ("the tenant's programs have used up their limit for now", OUTBOX),
}
"""What keeps a sync, or a line of writes, with what clears it; and what to type."""


async def get_queue_health_metrics(desk: Desk, wish: Whose, by: Caller) -> QueueHealth:
    """Of a tenant, of one connection, or of all. Raises Refused (not-found)."""
    world, now, sum_ = desk.journal.world, desk.journal.clock.now(), Backlog()
    seq, lines = world.seq, dict[str, Kept]()
    named = wish.tenant is not None or wish.provider is not None
    outside = sourcing.outside(desk, wish.tenant) if wish.tenant and not wish.provider else []
    found = (
        await whose.chosen_or(desk, wish.tenant, wish.provider, none=bool(outside))
        if named
        else whose.of(desk, None)
    )
    async for subject, _ in whose.unhurried(found):
        backlog.add(sum_, world, subject, now)
    async for subject in whose.unhurried(_writing(desk, found, named=named)):
        backlog.add_writes(sum_.writes, world.outboxes.get(subject, ()))
        held, goes = line.held_by(subject, world, now), line.goes_at(subject, world, now)
        if held is not None or (goes is not None and goes > now):
            backlog.keep(lines, held or PUT_OFF, subject, goes)
    writes = sum_.writes
    return QueueHealth(
        seq=seq,
        now=now,
        tenant=wish.tenant,
        aside=sum_.aside,
        oldest=None if sum_.oldest is None else desk.vault.name(sum_.oldest),
        waits=_waits(sum_.now),
        waited=_waits(sum_.last),
        by_type={kind: _part(each, now) for kind, each in sorted(sum_.kinds.items())},
        by_priority={str(at): _part(each, now) for at, each in sorted(sum_.priorities.items())},
        blocked=_blocked(desk, sum_.kept),
        writes=WritesHealth(
            depth=writes.waiting,
            under_way=writes.under_way,
            in_doubt=writes.in_doubt,
            bytes=writes.bytes,
            blocked=_blocked(desk, lines),
            **_oldest(writes.oldest, now),
        ),
        reported=[each for each in outside if each.queue_depth is not None],
        **_figures(sum_.whole, now),
    )


def _writing(desk: Desk, found: list[Known], *, named: bool) -> list[int]:
    """Of all who have writes that wait, those who are meant."""
    outboxes = desk.journal.world.outboxes
    return [each for each, _ in found if each in outboxes] if named else [*outboxes]


def _figures(part: Part, now: datetime) -> dict[str, Any]:
    return {
        "depth": part.depth,
        "pending": part.pending,
        "processing": part.processing,
        "retrying": part.retrying,
        **_oldest(part.oldest, now),
    }


def _part(part: Part, now: datetime) -> QueuePart:
    return QueuePart(**_figures(part, now))


def _oldest(at: datetime | None, now: datetime) -> dict[str, Any]:
    age = None if at is None else (now - at).total_seconds()
    return {"oldest_at": at, "oldest_age_s": age}


def _waits(of: Waits) -> WaitsView:
    if not of.count:
        return WaitsView(count=0, average_s=None, longest_s=None)
    return WaitsView(
        count=of.count,
        average_s=(of.whole / of.count).total_seconds(),
        longest_s=of.longest.total_seconds(),
    )


def _blocked(desk: Desk, kept: dict[str, Kept]) -> list[BlockedView]:
    """What keeps most of them first."""
    views = []
    for why, each in sorted(kept.items(), key=lambda item: (-item[1].count, item[0])):
        sentence, command = CLEARS[why]
        names = [desk.vault.name(subject) for subject in each.examples]
        views.append(
            BlockedView(
                held_by=why,
                count=each.count,
                until=each.until,
                sentence=sentence,
                names=names,
                command=command.format(names[0]),
            )
        )
    return views
