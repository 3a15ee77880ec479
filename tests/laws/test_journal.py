"""Any wishes in any order keep every invariant, and nothing is told before it is on disk."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon import commands
from daemon.commands import Capture, Finish, Interrupt, NoteCall, Recover
from daemon.journal import ROOM_EVENTS, Bridge, Journal, LogBroken
from events import gateway, schema, terms
from events.codec import decode
from events.policy import Settings
from projections import world as worlds
from projections.world import World
from tests.events.facts import values
from tests.laws import returns

EPOCH = datetime(2026, 5, 4, tzinfo=UTC)
DAEMON, PROVIDERS, TENANTS, CONNECTIONS = 0, (1, 2), (3, 4), (5, 6, 7)
ENDINGS = (
    schema.SyncSucceeded,
    schema.SyncFailed,
    schema.SyncCancelled,
    schema.SyncInterrupted,
)


class SlowLog:
    """A log in memory that commits when it is told to."""

    def __init__(self):
        self.groups = []
        self.durable = []
        self.hurried = 0

    def append(self, rows):
        self.groups.append(rows)

    def hurry(self):
        self.hurried += 1

    def read(self, after, *, subject=None, limit=1000):
        found = [each for each in self.durable if each.seq > after]
        return [each for each in found if subject in (None, each.subject)][:limit]

    def commit(self, listener, groups=None):
        """Put some groups on disk, or all, and tell of it."""
        taken = self.groups[:groups]
        del self.groups[:groups]
        self.durable += [decode(row) for rows in taken for row in rows]
        listener.committed(self.durable[-1].seq, b"")


class SetClock:
    def __init__(self):
        self.time = EPOCH

    def now(self):
        return self.time


def opened():
    log, clock = SlowLog(), SetClock()
    return Journal(log, World(), clock), log, clock


# -- the law --------------------------------------------------------------------------------------

MINUTES = timedelta(minutes=1)
subjects = st.sampled_from(CONNECTIONS)
intervals = st.sampled_from([None, 30 * MINUTES, 360 * MINUTES])
counts = st.integers(0, 3)
streams = st.sampled_from(["days", "alerts"])
syncs = st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1])
"""Which sync a late outcome speaks of: 0 the running one of its connection, else one beside it."""

walls = st.sampled_from([time(0), time(5, 30), time(12), time(23)])
policies = st.builds(
    schema.PolicySet,
    quiet_hours_start=walls,
    quiet_hours_end=walls,
    interval=st.sampled_from([30 * MINUTES, 360 * MINUTES]),
    concurrency=st.integers(1, 3),
    crash_delay=st.just(MINUTES),
    crash_delay_max=st.just(60 * MINUTES),
    failover_enabled=st.booleans(),
    retry_jitter=st.booleans(),
    max_retry_attempts=st.integers(1, 3),
    retries_at_once=st.integers(1, 2),
    spread=st.sampled_from([0.0, 0.3]),
    breaker_syncs_in_a_row=st.integers(1, 5),
    breaker_connections=st.integers(1, 2),
    breaker_doubling=st.booleans(),
    provider_concurrency=st.integers(1, 3),
    batch_pause=st.sampled_from([0 * MINUTES, MINUTES]),
)
own = st.builds(
    Settings,
    interval=st.none() | st.sampled_from([20 * MINUTES, 500 * MINUTES]),
    enabled=st.none() | st.booleans(),
    quiet_hours_start=st.none() | walls,
    quiet_hours_end=st.none() | walls,
    timezone=st.none() | st.sampled_from(["Europe/Madrid", "Australia/Lord_Howe"]),
    fallback=st.none() | st.sampled_from(CONNECTIONS),
    stream_intervals=st.none() | st.just({"days": 15 * MINUTES}),
)
anybody = st.sampled_from([DAEMON, *PROVIDERS, *TENANTS, *CONNECTIONS])
guarded = st.sampled_from([*PROVIDERS, *CONNECTIONS])
declarations = st.builds(
    schema.ProviderDeclared,
    name=st.just("weather"),
    digest=st.sampled_from(["d1", "d2"]),
    streams=st.sampled_from(
        [
            (),
            (terms.StreamPolicy(name="days", empty=terms.Reaction.ACCEPT),),
            (terms.StreamPolicy(name="days"), terms.StreamPolicy(name="alerts", interval=MINUTES)),
        ]
    ),
)
failures = st.lists(values(terms.StreamFailure), max_size=2).map(tuple)
wishes = st.one_of(
    st.builds(commands.Recover, version=st.just("1")),
    st.builds(commands.Stop, interrupted=counts),
    st.builds(commands.StepClock, by=st.just(MINUTES)),
    st.builds(commands.SetPolicy, policy=policies),
    st.builds(
        commands.DeclareProvider, subject=st.sampled_from(PROVIDERS), declaration=declarations
    ),
    st.builds(
        commands.Connect,
        subject=subjects,
        tenant=st.sampled_from(TENANTS),
        provider=st.sampled_from(PROVIDERS),
        declared=st.booleans(),
        interval=intervals,
        by=st.none(),
    ),
    *(
        st.builds(wish, subject=subjects, by=st.none())
        for wish in (
            commands.Remove,
            commands.Pause,
            commands.Resume,
            commands.Request,
            commands.Cancel,
        )
    ),
    st.builds(commands.Review, subject=subjects, by=st.sampled_from([-90 * MINUTES, MINUTES])),
    st.builds(commands.SetSettings, subject=anybody, settings=own),
    st.builds(commands.SetSettings, subject=anybody, settings=own),
    st.builds(commands.ResetSettings, subject=anybody),
    st.builds(commands.Reconsider, subject=subjects),
    st.builds(commands.Reconsider, subject=subjects),
    st.builds(commands.Retry, subject=subjects, forced=st.booleans()),
    st.builds(commands.Request, subject=subjects, forced=st.just(True)),
    st.builds(commands.OpenBreaker, subject=guarded),
    st.builds(commands.CloseBreaker, subject=guarded),
    st.builds(commands.ResetBreaker, subject=guarded),
    st.builds(commands.BeginPass),
    st.builds(
        commands.Backfill,
        subject=subjects,
        first=st.just(date(2026, 1, 1)),
        last=st.just(date(2026, 1, 9)),
        batch=st.just(3),
    ),
    st.builds(commands.Crash, subject=subjects, error=st.just("KeyError at rest.py:1")),
)
starts = st.builds(commands.Start, subject=subjects)
outcomes = st.one_of(
    st.builds(
        Capture,
        subject=subjects,
        offered=st.builds(
            schema.RecordsCaptured,
            version=syncs,
            stream=streams,
            digest=st.just("00"),
            **dict.fromkeys(returns.COUNTS, counts),
        ),
        evidence=returns.doubts,
    ),
    st.builds(
        Finish,
        subject=subjects,
        sync=syncs,
        duration_ms=counts,
        captured=st.lists(streams, max_size=2).map(tuple),
        records=counts,
        failures=failures,
        calls=st.just(()),
        jitter=st.sampled_from([0.0, 0.25, 0.99]),
    ),
    st.builds(
        Interrupt, subject=subjects, sync=syncs, reason=st.sampled_from(terms.InterruptReason)
    ),
    st.builds(
        NoteCall,
        subject=subjects,
        call=st.builds(
            schema.CallFailed,
            sync=syncs,
            stream=streams,
            endpoint=st.just("GET /days"),
            method=st.just("GET"),
            cause=st.sampled_from(terms.FailureClass),
        ),
    ),
)
connected = [
    commands.Connect(subject=subject, tenant=TENANTS[subject % 2], provider=PROVIDERS[subject % 2])
    for subject in CONNECTIONS[:2]
]
back = returns.wishes(subjects, streams, syncs, EPOCH)
kinds = st.sampled_from([starts, starts, starts, outcomes, outcomes, outcomes, wishes, back, back])
pauses = st.sampled_from([0, 0, 0, 1, 20, 60, 800, -1, -60, -2000])
single = st.tuples(pauses, kinds.flatmap(lambda kind: kind)).map(lambda step: [step])
stories = st.tuples(pauses, returns.stories(subjects, streams)).map(
    lambda told: [(told[0], told[1][0]), *((0, each) for each in told[1][1:])]
)
steps = st.sampled_from([single] * 12 + [stories]).flatmap(lambda kind: kind)
lives = st.lists(steps, min_size=25, max_size=50).map(lambda parts: [*chain.from_iterable(parts)])


def aimed(command, world):
    """Let an outcome speak of its connection's running sync, or of one beside it."""
    if isinstance(command, returns.AIMED):
        return returns.aimed(command, world)
    if not isinstance(command, Capture | Finish | Interrupt | NoteCall):
        return command
    known = world.connections.get(command.subject)
    sync = known.run.sync if known and known.run else world.seq
    if isinstance(command, NoteCall):
        return replace(command, call=replace(command.call, sync=sync + command.call.sync))
    if isinstance(command, Capture):
        offered = replace(command.offered, version=sync + command.offered.version)
        return replace(command, offered=offered)
    return replace(command, sync=sync + command.sync)


def live(life):
    """Execute it all, checking every single step. What was written, and the world of it."""
    kept, log, clock = opened()
    seen = []
    kept.observe(seen.append)
    for minutes, command in [(0, command) for command in connected] + life:
        clock.time += minutes * MINUTES
        groups = len(log.groups)
        recorded = kept.execute(aimed(command, kept.world))
        assert len(log.groups) == groups + bool(recorded), "one wish is one append"
        if recorded:
            assert [decode(row) for row in log.groups[-1]] == recorded == seen[-len(recorded) :]
        check_running(kept.world, recorded)
    return [decode(row) for rows in log.groups for row in rows], kept.world


def check_running(world, recorded):
    running = {subject for subject, known in world.connections.items() if known.run}
    assert world.fleet.running == running
    if any(isinstance(each.event, schema.SyncStarted) for each in recorded):
        assert len(running) <= world.fleet.policy.concurrency


def endings(written):
    """How often each sync ended."""
    found = Counter()
    for each in written:
        if isinstance(each.event, ENDINGS) and each.event.sync is not None:
            found[each.event.sync] += 1
    return found


@given(lives)
@settings(max_examples=200)
def test_any_wishes_in_any_order_keep_every_invariant(life):
    """Numbers have no gaps, replay equals live, and no connection ever runs twice at once."""
    written, world = live(life)
    assert [each.seq for each in written] == list(range(1, len(written) + 1))
    replayed = World()
    for each in written:
        worlds.fold(replayed, each)
    assert replayed == world
    running = set()
    for each in written:
        if isinstance(each.event, schema.SyncStarted):
            assert each.subject not in running
            running.add(each.subject)
        elif isinstance(each.event, ENDINGS) and each.event.sync is not None:
            running.remove(each.subject)


@given(lives)
def test_every_sync_ends_exactly_once(life):
    """At the latest when the next life recovers."""
    written, _ = live([*life, (0, Recover(version="2"))])
    started = [each.seq for each in written if isinstance(each.event, schema.SyncStarted)]
    assert endings(written) == Counter(started)


@given(lives)
def test_what_is_there_can_still_be_reached(life):
    """Whatever happened: a resumed connection that is asked for starts, once it has rested."""
    _, world = live([*life, (0, Recover(version="2"))])
    clock = SetClock()
    kept = Journal(SlowLog(), world, clock)
    clock.time = max(EPOCH, world.at or EPOCH)
    for subject in [*world.connections]:
        if world.connections[subject].removed:
            continue
        kept.execute(commands.Resume(subject=subject))
        kept.execute(commands.Request(subject=subject, forced=True))
        clock.time += timedelta(days=30)
        assert kept.execute(commands.Start(subject=subject))
        kept.execute(commands.Cancel(subject=subject))


# -- on disk before it is told --------------------------------------------------------------------


def stop(kept):
    """Record one event, of no consequence."""
    return kept.execute(commands.Stop(interrupted=0))


async def test_a_wait_ends_with_its_own_commit_and_not_before(autojump_clock):
    """Waits end in the order of the commits, and one commit ends them all that it holds."""
    kept, log, _ = opened()
    told = []

    async def wait(name, recorded):
        await kept.durable(recorded)
        told.append(name)

    async with trio.open_nursery() as nursery:
        batches = [stop(kept) for _ in range(4)]
        for name in (3, 1, 0, 2):
            nursery.start_soon(wait, name, batches[name])
        await trio.testing.wait_all_tasks_blocked()
        assert told == []
        for group in range(2):
            log.commit(kept, groups=1)
            await trio.testing.wait_all_tasks_blocked()
            assert told == [0, 1][: group + 1]
        log.commit(kept)
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(told) == [0, 1, 2, 3]


async def test_several_wait_for_one_event(autojump_clock):
    kept, log, _ = opened()
    recorded = stop(kept)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(kept.durable, recorded)
        await trio.testing.wait_all_tasks_blocked()
        log.commit(kept)


async def test_who_waits_again_after_giving_up_is_told(autojump_clock):
    kept, log, _ = opened()
    recorded = stop(kept)
    with trio.move_on_after(1) as scope:
        await kept.durable(recorded)
    assert scope.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept.durable, recorded)
        await trio.testing.wait_all_tasks_blocked()
        log.commit(kept)


async def test_what_is_on_disk_or_nothing_is_not_waited_for(autojump_clock):
    kept, log, _ = opened()
    recorded = stop(kept)
    log.commit(kept)
    with trio.fail_after(0.1):
        await kept.durable(recorded)
        await kept.durable([])


async def test_a_decision_of_several_events_is_durable_with_its_last(autojump_clock):
    kept, _, _ = opened()
    recorded = kept.execute(connected[0])
    assert len(recorded) == 2
    kept.committed(recorded[0].seq, b"")
    with trio.move_on_after(1) as scope:
        await kept.durable(recorded)
    assert scope.cancelled_caught


def test_only_a_call_that_was_made_may_linger_by_itself():
    """What a provider asked for must not be forgotten by the next life."""
    kept, log, _ = opened()
    kept.execute(connected[0])
    subject, before = min(kept.world.connections), log.hurried
    made = gateway.CallMade(endpoint="GET /", method="GET", kind=gateway.CallKind.READ, began=1)
    assert kept.execute(commands.NoteCallMade(subject=subject, call=made))
    assert log.hurried == before
    hinted = commands.NoteAnswer(
        subject=subject, cause=terms.FailureClass.RATE_LIMITED, retry_after=60 * MINUTES
    )
    assert kept.execute(hinted)
    assert log.hurried == before + 1


async def test_a_subscriber_sees_nothing_that_is_not_on_disk(autojump_clock):
    kept, log, _ = opened()
    stop(kept)
    follower = kept.subscribe(0)
    with trio.move_on_after(1):
        pytest.fail(f"{await anext(follower)} was told of before it was on disk")
    log.commit(kept)
    stop(kept)
    assert [each.seq for each in await anext(follower)] == [1]
    with trio.move_on_after(1):
        pytest.fail(f"{await anext(follower)} was told of before it was on disk")


async def test_a_subscriber_to_one_subject_sees_no_other(autojump_clock):
    kept, log, _ = opened()
    kept.execute(connected[0])
    stop(kept)
    log.commit(kept)
    [event] = await anext(kept.subscribe(0, DAEMON))
    assert event.event == schema.DaemonStopped()


# -- room -----------------------------------------------------------------------------------------


async def waits_for_room(kept):
    with trio.move_on_after(1) as scope:
        await kept.room()
    return scope.cancelled_caught


async def test_there_is_room_unless_something_holds(autojump_clock):
    kept, _, _ = opened()
    assert not await waits_for_room(kept)
    assert kept.hold("data")
    assert not kept.hold("data"), "it was known"
    assert await waits_for_room(kept)
    kept.starved()
    kept.release("data")
    assert await waits_for_room(kept)
    kept.fed()
    assert not await waits_for_room(kept)


async def test_who_waits_for_room_goes_on_when_the_last_hold_is_released(autojump_clock):
    kept, _, _ = opened()
    kept.hold("data")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept.room)
        await trio.testing.wait_all_tasks_blocked()
        kept.release("data")


async def test_new_work_waits_while_too_much_is_unwritten_and_outcomes_do_not(autojump_clock):
    kept, log, _ = opened()
    for _ in range(ROOM_EVENTS):
        assert kept.has_room
        stop(kept)
    assert await waits_for_room(kept)
    assert stop(kept), "what runs finds a place for its outcome"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept.room)
        await trio.testing.wait_all_tasks_blocked()
        log.commit(kept, groups=1)
        assert not kept.has_room
        log.commit(kept, groups=1)
        assert kept.has_room


async def test_a_commit_does_not_end_a_hold(autojump_clock):
    kept, log, _ = opened()
    kept.hold("data")
    stop(kept)
    log.commit(kept)
    assert await waits_for_room(kept)


# -- the writer's word ----------------------------------------------------------------------------


async def test_a_broken_log_ends_the_process_with_a_sentence(autojump_clock):
    kept, _, _ = opened()
    with trio.move_on_after(1) as scope:
        await kept.watch()
    assert scope.cancelled_caught
    kept.broken(OSError("input/output error"))
    with pytest.raises(LogBroken, match=r"input/output error.*rounds stops"):
        await kept.watch()


async def test_who_waits_for_a_log_that_breaks_is_told_so_then_and_afterwards(autojump_clock):
    kept, log, _ = opened()
    first, lost = stop(kept), stop(kept)
    log.commit(kept, groups=1)
    told = []

    async def wait():
        with pytest.raises(LogBroken, match="gone"):
            await kept.durable(lost)
        told.append("broken")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert told == []
        kept.broken(OSError("gone"))
    assert told == ["broken"]
    await wait()
    await kept.durable(first)


async def test_what_the_writers_thread_tells_arrives_in_the_loop():
    kept, _, _ = opened()
    stop(kept)
    bridge = Bridge(kept, trio.lowlevel.current_trio_token())
    error = OSError("gone")

    def write():
        bridge.starved()
        bridge.committed(1, b"block")
        bridge.fed()
        bridge.broken(error)

    await trio.to_thread.run_sync(write)
    with pytest.raises(LogBroken, match="gone"):
        await kept.watch()
    assert (kept.head.seq, kept.block, kept.holds) == (1, b"block", set())


def test_a_writer_that_outlives_the_loop_tells_nobody():
    kept, _, _ = opened()

    async def token():
        return trio.lowlevel.current_trio_token()

    Bridge(kept, trio.run(token)).committed(1, b"")
    assert kept.head.seq == 0
