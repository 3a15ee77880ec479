"""What was true then is told alike by a process of its own and in the loop."""

import os
import random
import signal
from contextlib import asynccontextmanager, closing
from datetime import timedelta

import pytest
import trio

from daemon import past_process, past_worker
from daemon.commands import Stop
from daemon.journal import Journal
from daemon.past import InProcess, NoSuchMoment, Past, PastUnavailable, Standing
from daemon.past_process import PastProcess
from daemon.recall import Question
from events.codec import encode
from events.log import SqliteLog
from events.snapshots import Snapshots, Stamp
from projections import image
from projections import world as worlds
from projections.world import World
from tests.benchmarks.history import history
from tests.events.listening import Heard

EVENTS = 4000
WRITTEN = history(40, EVENTS)
ONE = 7
END = WRITTEN[-1].at + timedelta(hours=1)


def folded(upto):
    world = World()
    for each in WRITTEN[:upto]:
        worlds.fold(world, each)
    return world


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A state directory with a log, and a snapshot of this code's in the middle."""
    directory = tmp_path_factory.mktemp("state")
    with closing(SqliteLog(directory)) as log:
        assert list(log.replay()) == []
        heard = Heard()
        log.start(heard)
        dice = random.Random(1)
        rest = [encode(each) for each in WRITTEN]
        while rest:
            size = dice.randint(1, 90)
            log.append(rest[:size])
            rest = rest[size:]
        heard.wait_for_event(EVENTS)
        snapshots = Snapshots(directory / past_worker.SNAPSHOTS, past_worker.version())
        world = folded(2000)
        draft = snapshots.begin(2000)
        for piece in image.pieces(world):
            draft.add(piece)
        block = log.block_of(2000).hex()
        draft.finish(Stamp(version=snapshots.version, seq=2000, at=world.at, block=block))
    return directory


@asynccontextmanager
async def pasts(state, version=None):
    """The past as it is told by both engines."""
    version = version or past_worker.version()
    snapshots = Snapshots(state / past_worker.SNAPSHOTS, version)
    with closing(SqliteLog(state)) as log:
        journal = Journal(log, folded(EVENTS), Standing(END))
        async with trio.open_nursery() as nursery:
            process = PastProcess(state, version)
            nursery.start_soon(process.run)
            yield Past(journal, process), Past(journal, InProcess(log, snapshots)), process
            nursery.cancel_scope.cancel()


@pytest.mark.requirement("X1")
async def test_both_engines_tell_what_was_true_at_any_event(state):
    async with pasts(state) as (elsewhere, here, _):
        for seq in (1, 1999, 2000, 2001, 2500, EVENTS, 300):
            world = folded(seq)
            assert await elsewhere.state_at(seq) == world
            assert await here.state_at(seq) == world


@pytest.mark.requirement("X1")
async def test_both_engines_tell_what_was_true_of_one_connection(state):
    async with pasts(state) as (elsewhere, here, _):
        for seq in (5, 1999, 2100, EVENTS):
            whole = folded(seq)
            for past in (elsewhere, here):
                world = await past.state_at(seq, ONE)
                assert (world.seq, world.at) == (whole.seq, whole.at)
                only = {ONE: whole.connections[ONE]} if ONE in whole.connections else {}
                assert world.connections == only


@pytest.mark.requirement("X1")
async def test_a_time_stands_for_the_last_event_by_then(state):
    async with pasts(state) as (elsewhere, here, _):
        for time in (WRITTEN[0].at, WRITTEN[2500].at, WRITTEN[2500].at - timedelta(hours=1), END):
            seq = await elsewhere.seq_at(time)
            assert seq == await here.seq_at(time)
            assert WRITTEN[seq - 1].at <= time
            assert await elsewhere.state_at(time) == folded(seq)


@pytest.mark.requirement("X1")
@pytest.mark.parametrize(
    "when, words",
    [
        (EVENTS + 1, "there is no event 4,001 yet; the last one is 4,000"),
        (0, "nothing is known of event 0: the log begins with event 1, at 2026-03-01"),
        (-3, "nothing is known of event -3"),
        (END + timedelta(seconds=1), "has not come yet"),
        (WRITTEN[0].at - timedelta(days=1), "nothing is known of 2026-02-28"),
    ],
)
async def test_a_moment_of_which_nothing_can_be_said_is_refused_with_the_reason(state, when, words):
    async with pasts(state) as (elsewhere, here, _):
        for past in (elsewhere, here):
            for ask in (past.state_at, past.seq_at, past.journal_at):
                with pytest.raises(NoSuchMoment, match=words):
                    await ask(when)


@pytest.mark.requirement("X1")
async def test_a_journal_of_the_past_stands_still(state):
    async with pasts(state) as (past, _, _):
        then = await past.journal_at(2500)
        assert (then.world, then.head.seq) == (folded(2500), 2500)
        assert then.clock.now() == then.moment().wall == WRITTEN[2499].at
        own = [each for each in WRITTEN[:2500] if each.subject == ONE]
        last = then.log.numbers(ONE, after=0, upto=9999, limit=2, latest=True)
        assert then.log.pick([*last, 2501]) == own[-2:]
        assert then.log.read(2498) == WRITTEN[2498:2500]
        assert then.log.block_of(2500)
        assert then.log.block_of(2501) is None
        time = WRITTEN[2500].at + timedelta(seconds=1)
        assert (await past.journal_at(time)).clock.now() == time
        with pytest.raises(AssertionError, match="the past"):
            then.execute(Stop(interrupted=0))


async def test_a_process_that_dies_fails_one_question_and_the_next_is_answered(state):
    async with pasts(state) as (past, _, process):
        await past.state_at(1)
        process._process.kill()
        await process._process.wait()
        assert (await past.state_at(2)).seq == 2  # it was seen to be dead
        os.kill(process._process.pid, signal.SIGSTOP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails, past)
            await trio.testing.wait_all_tasks_blocked()
            os.kill(process._process.pid, signal.SIGKILL)
        assert (await past.state_at(3)).seq == 3


async def fails(past):
    with pytest.raises(PastUnavailable, match="ask again"):
        await past.state_at(4)


async def test_who_gives_up_leaves_no_half_an_answer_to_the_next(state):
    async with pasts(state) as (past, _, process):
        await past.state_at(1)
        os.kill(process._process.pid, signal.SIGSTOP)
        with trio.move_on_after(0.01) as scope:
            await past.state_at(EVENTS)
        assert scope.cancelled_caught
        assert await past.state_at(2) == folded(2)


async def test_too_many_questions_at_once_are_refused(state):
    async with pasts(state) as (past, _, process):
        await past.state_at(1)
        os.kill(process._process.pid, signal.SIGSTOP)
        async with trio.open_nursery() as nursery:
            for _ in range(past_process.WAITING_MAX):
                nursery.start_soon(past.state_at, 2)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(PastUnavailable, match="too many"):
                await past.state_at(3)
            os.kill(process._process.pid, signal.SIGCONT)


async def test_it_ends_with_whoever_asks_and_knows_nothing_else(state):
    async with pasts(state) as (past, _, process):
        await past.state_at(1)
        child = process._process
        environment = await trio.Path(f"/proc/{child.pid}/environ").read_bytes()
        names = {each.partition(b"=")[0] for each in environment.split(b"\0") if each}
        assert names == {b"PATH", b"PYTHONPATH"}
        opened = await trio.Path(f"/proc/{child.pid}/fd").iterdir()
        files = {str(await each.readlink()) for each in opened}
        assert not [each for each in files if "vault" in each or each.endswith("/data")]
    assert child.returncode == -signal.SIGKILL


async def test_another_version_of_the_code_says_that_it_is_one(state):
    async with pasts(state, version="another one") as (past, _, _):
        with pytest.raises(PastUnavailable, match="restart roundsd"):
            await past.state_at(1)


async def test_an_idle_process_is_let_go(state, monkeypatch):
    monkeypatch.setattr(past_process, "IDLE_S", 0.05)
    async with pasts(state) as (past, _, process):
        await past.state_at(1)
        child = process._process
        with trio.fail_after(20):
            await child.wait()
        assert (await past.state_at(2)).seq == 2


async def test_a_question_of_an_event_that_is_not_there_is_an_error_of_that_question(state):
    async with pasts(state) as (past, _, process):
        missing = Question(head=EVENTS + 9, seq=EVENTS + 9)
        with pytest.raises(PastUnavailable, match="event 4001 is not there"):
            await process.state(missing)
        assert (await past.state_at(2)).seq == 2
