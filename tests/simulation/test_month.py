"""A month of a small fleet, from one seed, with kills: does the log tell a flawless story?"""

import random
from datetime import datetime, timedelta
from functools import cache, partial

import pytest
import trio

from daemon.replaying import replay
from events.codec import decode
from events.envelope import Recorded
from events.schema import (
    AuthorisationNeeded,
    BackfillEnded,
    ConnectionAuthorised,
    DaemonStarted,
    Event,
    RefreshFailed,
    RefreshIntended,
    SyncFailed,
    SyncInterrupted,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
)
from events.terms import DoubtReason, RefreshReason, RunOptions
from projections.grant import Phase
from projections.world import World
from tests.fakes import remembered
from tests.fakes.memory_log import MemoryLog
from tests.fakes.provider import ONE_DAY
from tests.simulation.host import simulated
from tests.simulation.lives import ACCOUNTS, CONNECTIONS, MONTH, WAYS, WINDOW_DAYS, Month
from tests.simulation.oracle import complaints, complaints_of_grants, neglected, owed

SEEDS = range(1, 4)
QUIET = timedelta(days=2)
TRIED = (
    SyncStarted,
    SyncSucceeded,
    SyncFailed,
    SyncInterrupted,
    BackfillEnded,
    TokenRefreshed,
    RefreshFailed,
    TokenInDoubt,
    AuthorisationNeeded,
    ConnectionAuthorised,
)


@cache
def live(seed: int, lasting: timedelta = MONTH) -> Month:
    """Live for so long, and two quiet days."""

    async def whole() -> Month:
        month = Month(seed, accounts=True)
        await month.run(lasting)
        await month.heal(QUIET)
        return month

    return simulated(whole, seed)


def told(month: Month) -> list[Recorded]:
    return [decode(row) for row in month.disk.rows]


def replayed(month: Month) -> World:
    async def world() -> World:
        async with trio.open_nursery() as nursery:
            return replay(MemoryLog(month.disk, nursery, random.Random(0)))

    return trio.run(world)


def accounts_of(month: Month) -> dict[int, str]:
    return {month.host.subject(name): name for name in ACCOUNTS}


def happened(events: list[Recorded], kind: type[Event]) -> int:
    return sum(isinstance(each.event, kind) for each in events)


@pytest.mark.requirement("C2")
@pytest.mark.requirement("C3")
@pytest.mark.requirement("C4")
@pytest.mark.requirement("X6")
@pytest.mark.requirement("X8")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_with_kills_keeps_every_promise_and_two_quiet_days_heal_it(seed: int) -> None:
    month = live(seed)
    events = told(month)
    tail = "\n".join(str(each) for each in events[-20:])
    assert not complaints(events, concurrency=3), f"seed {seed}, last events:\n{tail}"
    wrong = complaints_of_grants(events, month.accounts, accounts_of(month))
    assert not wrong, f"seed {seed}, {month.way}"
    assert not month.provider.mistreated, f"seed {seed}"
    assert not month.accounts.mistreated, f"seed {seed}"
    check_it_tried_everything(month, events)
    assert not remembered.wrong(month.disk, month.host.snapshots)
    world = replayed(month)
    check_records(month, world)
    check_days(month, world)


def check_it_tried_everything(month: Month, events: list[Recorded]) -> None:
    assert month.host.kills > 5
    assert month.host.stops > 0
    assert month.host.snapshots.numbers(), "lives begin at snapshots"
    counts = [happened(events, kind) for kind in TRIED]
    assert min(counts) > 0, counts
    reasons = {each.event.reason for each in events if isinstance(each.event, RefreshIntended)}
    assert reasons >= {RefreshReason.EXPIRING, RefreshReason.REFUSED, RefreshReason.IDLE}
    doubts = {each.event.reason for each in events if isinstance(each.event, TokenInDoubt)}
    assert doubts >= {DoubtReason.DIED, DoubtReason.UNANSWERED}
    assert taken_over(events) > 0, "a death between a pair's seal and its event"


def taken_over(events: list[Recorded]) -> int:
    """How often a life began with a pair that the one before had sealed, and said no more."""
    intended: dict[int, int] = {}
    began = count = 0
    for each in events:
        match each.event:
            case DaemonStarted():
                began = each.seq
            case RefreshIntended():
                intended[each.subject] = each.seq
            case TokenRefreshed():
                count += intended[each.subject] < began
            case _:
                pass
    return count


def check_records(month: Month, world: World) -> None:
    """Each connection that is not paused holds exactly what the provider has."""
    active = 0
    for name in CONNECTIONS:
        subject = month.host.subject(name)
        if world.connections[subject].paused:
            continue
        active += 1
        expected = sorted(month.provider.account(name).values(), key=lambda each: each["id"])
        for stream in ("stock", "orders"):
            page = month.store.show(subject, stream, after=None, limit=1000)
            assert page is not None
            held = sorted(page.records, key=lambda record: record["id"])
            assert held == expected, f"{name}/{stream}"
    assert active > 0


def last_regular(events: list[Recorded], subject: int) -> datetime | None:
    """When a sync last went well that was more than a part: of the days, or of the streams."""
    mine = [each for each in events if each.subject == subject]
    whole = {
        each.seq
        for each in mine
        if isinstance(each.event, SyncStarted)
        and not each.event.streams
        and not _is_of_days(each.event.options or RunOptions())
    }
    well = [
        each.at
        for each in mine
        if isinstance(each.event, SyncSucceeded) and each.event.sync in whole
    ]
    return well[-1] if well else None


def _is_of_days(options: RunOptions) -> bool:
    return options.failed_days or options.days is not None or options.first is not None


def check_days(month: Month, world: World) -> None:
    """What failed in the month has come, and the window's days are as the provider has them."""
    left = {
        (subject, name): set(stream.failed_days)
        for subject in accounts_of(month)
        for name, stream in world.connections[subject].streams.items()
        if stream.failed_days
    }
    events = told(month)
    assert left == owed(events)[1], "the log's reader and its fold agree on what is owed"
    healed, now = 0, events[-1].at
    for subject, name in accounts_of(month).items():
        found, last = world.connections[subject], last_regular(events, subject)
        if found.paused or last is None or last < now - ONE_DAY:
            continue
        healed += 1
        assert found.grant.phase is Phase.GOOD
        assert (subject, "steps") not in left
        page = month.store.show(subject, "steps", after=None, limit=1000)
        assert page is not None
        for age in range(WINDOW_DAYS):
            day = last.date() - age * ONE_DAY
            there = month.accounts.day(name, day)
            held = {row["id"]: row for row in page.records if row["id"] in there}
            assert held == there, f"{name}, {day}"
    assert healed > 0


def test_the_same_seed_tells_the_same_story() -> None:
    """Numbers, times, subjects and tags are equal to the microsecond."""
    stories = []
    for _ in range(2):
        live.cache_clear()
        stories.append([_line(each) for each in told(live(len(WAYS) - 1, timedelta(days=6)))])
    assert stories[0] == stories[1]
    assert len(stories[0]) > 500


def _line(recorded: Recorded) -> tuple[object, ...]:
    return recorded.seq, recorded.at, recorded.subject, recorded.event.__struct_config__.tag


@pytest.mark.requirement("C1")
@pytest.mark.parametrize("seed", [WAYS.index(way) for way in WAYS if way != "ask"])
def test_a_doubt_is_settled_while_there_is_a_way_out_of_it(seed: int) -> None:
    """A week lies between two syncs, and one call gets lost that keeps the grant alive."""

    async def whole() -> Month:
        month = Month(seed, accounts=True)
        month.accounts.calm, month.peopled, month.connections = True, False, ACCOUNTS
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(month.life, 4 * ONE_DAY, kindly=True))
            await trio.sleep(ONE_DAY.total_seconds())
            month.accounts.deaf_to.add("gull/health")
        return month

    month = simulated(whole, seed)
    events = told(month)
    assert happened(events, TokenInDoubt) == 1
    assert not neglected(events, month.accounts, accounts_of(month))
