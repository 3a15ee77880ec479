"""How do people turn the rotation, and see how it goes on, under the documents' names?"""

from datetime import datetime

import trio
from msgspec import Struct

from daemon import commands
from daemon.control import act, whose
from daemon.control.account_messages import SyncWish
from daemon.control.act import execute
from daemon.control.desk import Desk, Refused
from daemon.control.policy_messages import RetryWish
from daemon.control.rotation_messages import (
    AdaptiveTurns,
    Enqueue,
    NextProvider,
    NextRotation,
    OfProvider,
    Processed,
    ProcessQueue,
    QueueId,
    Schedule,
    ScheduleId,
    ScheduleRow,
    TenantName,
    Whose,
)
from daemon.control.whose import Known
from daemon.decide import hindrance, succession
from daemon.decide.rotation import own_intervals
from daemon.decide.turn import turn_of
from events.envelope import Recorded
from events.schema import SyncFailed, SyncInterrupted, SyncRequested, SyncScheduled, SyncSucceeded
from events.terms import Caller, Kind
from projections import connection, policy
from projections.grant import Phase
from projections.world import World

SUCCEEDED = (SyncSucceeded,)
FAILED = (SyncFailed, SyncInterrupted)
"""Interrupted counts as failed in the documents' statuses (requirement A10)."""


class _Count(Struct, kw_only=True):
    """What ended while somebody waited for the queue."""

    since: int
    successful: int = 0
    failed: int = 0

    def add(self, recorded: Recorded) -> None:
        if recorded.seq > self.since:
            self.successful += isinstance(recorded.event, SUCCEEDED)
            self.failed += isinstance(recorded.event, FAILED)


async def schedule(desk: Desk, wish: Whose, by: Caller) -> Schedule:
    """Every connection's next start, and, of whole tenants, which provider is next."""
    seq, now = desk.journal.world.seq, desk.journal.clock.now()
    found = await whose.chosen(desk, wish.tenant, wish.provider)
    rows = [_row(desk, each, now) async for each in whose.unhurried(found)]
    tenants: dict[int, list[int]] = {}
    for subject, known in [] if wish.provider else found:
        tenants.setdefault(known.tenant, []).append(subject)
    return Schedule(
        seq=seq,
        now=now,
        rows=sorted(rows, key=lambda row: (row.next_start is None, row.next_start or now)),
        next=[_next(desk, tenant, subjects, now) for tenant, subjects in tenants.items()],
    )


async def process_queue(desk: Desk, wish: ProcessQueue, by: Caller) -> Processed:
    """Wait until all that is due now has been taken up and has ended, and count what did.

    Nothing is started by it: what is due starts by itself.
    """
    world, now = desk.journal.world, desk.journal.clock.now()
    left = [each for each in world.connections if _is_due(world, each, now)]
    count, ended = _Count(since=desk.journal.head.seq), None if left else 0
    subscription = desk.journal.subscribe(desk.journal.head.seq)
    with trio.move_on_after(wish.timeout_s):
        while ended is None or subscription.position < ended:
            for recorded in await anext(subscription):
                count.add(recorded)
            left = [each for each in left if _is_due(world, each, now)]
            if not left and ended is None:
                ended = world.seq  # what has ended by then is still to be read
    return Processed(
        seq=subscription.position,
        processed=count.successful + count.failed,
        successful=count.successful,
        failed=count.failed,
        left=len(left),
    )


async def schedule_rotation(desk: Desk, wish: TenantName, by: Caller) -> ScheduleId:
    """What plans a tenant's next turn: it is planned already, each time that one ends."""
    world, now = desk.journal.world, desk.journal.clock.now()
    subjects = [subject for subject, _ in await whose.chosen(desk, wish.tenant)]
    next_ = succession.next_of(world, subjects, now)
    if next_ is None:
        raise Refused(
            "paused", f"nothing of {wish.tenant} may start; see: rounds schedule {wish.tenant}"
        )
    known, name = world.connections[next_.subject], desk.vault.name(next_.subject)
    due = known.schedule.due or next_.at or now
    if next_.runs and (next_.at is None or due <= now):
        raise Refused("running", _runs(name, next_.at))
    return ScheduleId(
        seq=world.seq,
        schedule_id=known.schedule.planned,
        connection=name,
        provider=whose.provider_of(desk, known),
        scheduled_at=due,
    )


def _runs(name: str, turn: datetime | None) -> str:
    """Its next turn is not planned yet, and will be by the event that follows its end."""
    if turn is None:
        return f"{name} runs, and nothing comes after it as things are; see: rounds schedule {name}"
    when = turn.isoformat(timespec="seconds")
    return f"{name} runs; its next turn, at about {when}, is planned when it ends: ask again then"


async def get_next_rotation_provider(desk: Desk, wish: TenantName, by: Caller) -> NextRotation:
    found, now = await whose.chosen(desk, wish.tenant), desk.journal.clock.now()
    told = _next(desk, found[0][1].tenant, [subject for subject, _ in found], now)
    return NextRotation(
        seq=desk.journal.world.seq,
        now=now,
        tenant=told.tenant,
        provider=told.provider,
        connection=told.connection,
        at=told.at,
        running=told.running,
    )


async def execute_sync(desk: Desk, wish: OfProvider, by: Caller) -> QueueId:
    """Sync a tenant's connection to a provider now."""
    return await enqueue_sync_with_failover(
        desk, Enqueue(tenant=wish.tenant, provider=wish.provider), by
    )


async def enqueue_sync_with_failover(desk: Desk, wish: Enqueue, by: Caller) -> QueueId:
    """Queue a sync of that type. What fails is tried again, or failed over, as settings say."""
    subject, _ = await whose.one(desk, wish.tenant, wish.provider)
    name, before = desk.vault.name(subject), _queued(desk, subject, wish.sync_type)
    match wish.sync_type:
        case "manual":
            done = await act.sync(desk, SyncWish(connection=name), by)
            number, message = next(iter(done.events), None), done.message
        case "retry":
            done = await act.retry(desk, RetryWish(connection=name), by)
            number, message = next(iter(done.events), None), done.message
        case "failover":
            request = commands.Request(subject=subject, kind=Kind.FAILOVER, by=by)
            number, message = _number(await execute(desk, request)), "failover requested"
        case "scheduled":
            advance = commands.Advance(subject=subject, by=by)
            number, message = _number(await execute(desk, advance)), "its turn is due now"
    number = number or before or _queued(desk, subject, wish.sync_type)
    if number is None:
        raise _not_queued(desk, subject, wish)
    world, run = desk.journal.world, desk.journal.world.connections[subject].run
    running = run is not None and run.request == number
    turn = run if run and running else turn_of(world, subject, desk.journal.clock.now())
    return QueueId(
        seq=desk.journal.head.seq,
        queue_id=number,
        connection=name,
        priority=turn.priority,
        message=message,
    )


def _number(recorded: list[Recorded]) -> int | None:
    """Of the event that queued something, if one did."""
    queued = (SyncRequested, SyncScheduled)
    return next((each.seq for each in recorded if isinstance(each.event, queued)), None)


def _queued(desk: Desk, subject: int, sync_type: str) -> int | None:
    """The number of what is queued already, so that a second wish is the first."""
    known, now = desk.journal.world.connections[subject], desk.journal.clock.now()
    plan = known.schedule
    if sync_type == "scheduled":
        may = not known.paused and known.grant.phase is not Phase.NEEDED
        return plan.planned if may and plan.due is not None and plan.due <= now else None
    return plan.request.seq if plan.request else None


def _not_queued(desk: Desk, subject: int, wish: Enqueue) -> Refused:
    name = desk.vault.name(subject)
    if wish.sync_type == "retry":
        return Refused("invalid", f"{name} has nothing to try again: nothing failed")
    held = hindrance.of(desk.journal.world, subject, desk.journal.clock.now())
    match held.why if held else None:
        case hindrance.Hindrance.TO_BE_AUTHORISED:
            sentence = f"{name} waits to be authorised; type: rounds connection authorize {name}"
            return Refused("not-authorised", sentence)
        case hindrance.Hindrance.BREAKER:
            sentence = f"a breaker keeps {name}: `rounds breaker list` says why"
            return Refused("breaker", sentence)
        case _:
            return Refused("paused", f"{name} is paused; type: rounds resume {name}")


def _is_due(world: World, subject: int, now: datetime) -> bool:
    """Whether it runs, or would start by itself as soon as there is a place."""
    known = world.connections[subject]
    if known.run:
        return known.run.started <= now
    at = connection.next_start(known)
    if at is None or at > now:
        return False
    at = hindrance.start(world, subject, now)
    return at is not None and at <= now


def _row(desk: Desk, of: Known, now: datetime) -> ScheduleRow:
    (subject, known), world = of, desk.journal.world
    run, last = known.run, known.last
    held = hindrance.of(world, subject, now)
    start = None if run else hindrance.start(world, subject, now)
    turn = turn_of(world, subject, now)
    kept = held is not None and held.why not in hindrance.WAITS
    word = "held" if kept else "scheduled" if start else "none"
    coming = run or turn if run or held or start else None
    return ScheduleRow(
        connection=desk.vault.name(subject),
        provider=whose.provider_of(desk, known),
        status="running" if run else word,
        next_start=start,
        interval=policy.of_connection(world, subject).interval,
        kind=coming.kind if coming else None,
        attempt=coming.attempt if coming else 0,
        held_by=held.why if held else None,
        held_until=held.until if held else None,
        last=last.word if last else None,
        last_at=last.at if last else None,
        stream_intervals=policy.stream_intervals(world, subject),
        adaptive=_adaptive(world, subject),
    )


def _adaptive(world: World, subject: int) -> AdaptiveTurns | None:
    """Not where streams have turns of their own."""
    rules = policy.of_connection(world, subject)
    if not rules.adaptive or own_intervals(world, subject):
        return None
    learnt = world.connections[subject].schedule.learnt
    least, most = rules.adaptive_least, policy.longest(rules)
    return AdaptiveTurns(least=least, most=most, learnt=learnt)


def _next(desk: Desk, tenant: int, subjects: list[int], now: datetime) -> NextProvider:
    world = desk.journal.world
    found = succession.next_of(world, subjects, now)
    name = desk.vault.name(tenant)
    if found is None:
        return NextProvider(tenant=name, provider=None, connection=None, at=None)
    return NextProvider(
        tenant=name,
        provider=whose.provider_of(desk, world.connections[found.subject]),
        connection=desk.vault.name(found.subject),
        at=found.at,
        running=found.runs,
    )
