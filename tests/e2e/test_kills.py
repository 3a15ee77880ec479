"""However it dies, nothing acknowledged is lost and nobody ever sees half a version."""

import random
import signal

import httpx
import pytest
import trio

from tests.e2e import datasette, faults
from tests.e2e.daemon import WAIT_S, Daemon, Ended, Home, running, started
from tests.e2e.witness import Witness

CONNECTION = "acme/datasette"
KILLS = 52  # four ways to choose the moment, thirteen each
SEED = 20261121
PAGE = 100
PAGES = 15  # of 1,461 rows
START_S = 1.2  # about what a start takes: kills are spread over it and a little beyond
SYNC_S = 0.8
SWEEP_MAX = 60  # more than the calls of one sync on one file
STAGES = ("daemon-started", "ready", "sync-requested", "sync-started", "records-captured")


def change(source: datasette.Source, dice: random.Random, number: int) -> None:
    """Let the source's owner change, add and remove a row."""
    with source.open() as db:
        dates = [row["date"] for row in db.query("SELECT date FROM weather ORDER BY date")]
        changed, removed = dice.sample(dates, 2)
        db["weather"].update(changed, {"wind": number + 0.25})
        db["weather"].delete(removed)
        db["weather"].insert({"date": f"2016/{number:04}", "wind": float(number)})


async def ask(daemon: Daemon, witness: Witness) -> None:
    """Ask for a sync as soon as it answers; the process may die under the question."""
    try:
        await daemon.said("ready")
        answer = await daemon.tell("sync", CONNECTION)
    except (Ended, httpx.TransportError):
        return
    witness.promised.update(answer["events"])


async def die(daemon: Daemon, source: datasette.Source, dice: random.Random, number: int) -> None:
    """Wait for one of many moments, then kill."""
    way = number % 4
    if way == 0:
        await daemon.said(STAGES[number // 4 % len(STAGES)])
    elif way == 1:
        await source.page(source.pages + dice.randint(1, PAGES))
    else:
        if way == 3:
            await daemon.said("sync-started")
        with trio.move_on_after(dice.uniform(0, SYNC_S if way == 3 else START_S)):
            await daemon.process.wait()
    assert await daemon.stop(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.requirement("X5")
async def test_no_kill_loses_halves_or_doubles_anything(home):
    dice = random.Random(SEED)
    async with datasette.serving(home.root, "weather") as source:
        datasette.declare(home, source, size=PAGE, days="weather")
        home.configure(CONNECTION)
        witness = Witness(home, source)
        witness.note_source()
        for number in range(KILLS):
            async with started(home) as daemon, trio.open_nursery() as nursery:
                nursery.start_soon(ask, daemon, witness)
                await die(daemon, source, dice, number)
                nursery.cancel_scope.cancel()
            witness.examine(daemon)
            if number % 3:
                change(source, dice, number)
                witness.note_source()
        await settle(home, witness)


async def settle(home: Home, witness: Witness) -> None:
    """One more life, which is left alone: all must come to an end in it."""
    async with running(home) as daemon:
        await witness.examine_ready(daemon)
        assert (await daemon.sync(CONNECTION))["event"] == "sync-succeeded"
        assert await daemon.stop() == 0
    witness.examine(daemon)
    witness.conclude()


async def sweep(home: Home, file: str, call: str, step: int = 1) -> int:
    """Kill at the first such call on a file, at one of the next, …, until a sync outlives it."""
    dice = random.Random(SEED)
    async with datasette.serving(home.root, "weather", rows_max=60) as source:
        datasette.declare(home, source, size=30, days="weather")
        home.configure(CONNECTION)
        witness = Witness(home, source)
        for kills in range(SWEEP_MAX):
            witness.note_source()
            fault = f"{call}:signal=KILL:when={1 + kills * step}"
            if await outlives(home, witness, file, fault):
                await settle(home, witness)
                return kills
            change(source, dice, kills)
    raise AssertionError(f"a sync makes more than {SWEEP_MAX * step} calls of {call} on {file}")


async def outlives(home: Home, witness: Witness, file: str, fault: str) -> bool:
    """Whether a sync comes to its end in a life with this fault."""
    async with running(home) as daemon:
        async with faults.failing(daemon, file, fault), trio.open_nursery() as nursery:
            nursery.start_soon(ask, daemon, witness)
            try:
                *_, begun = await daemon.heard(lambda line: line.get("kind") == "manual")
                await daemon.ending(begun["seq"])
                survived = True
            except Ended:
                survived = False
            nursery.cancel_scope.cancel()
        await daemon.stop(signal.SIGKILL)
    witness.examine(daemon)
    return survived


@faults.traced
async def test_a_kill_at_any_commit_of_the_log_is_survived(home):
    assert await sweep(home, "log-wal", "fdatasync") > 1


@faults.traced
async def test_a_kill_at_any_commit_of_the_store_is_survived(home):
    assert await sweep(home, "data-wal", "fdatasync") > 1


@faults.traced
async def test_a_kill_between_any_two_pages_of_a_commit_to_the_log_is_survived(home):
    assert await sweep(home, "log-wal", "pwrite64", step=7) > 1


@faults.traced
async def test_a_kill_between_any_two_pages_of_a_commit_to_the_store_is_survived(home):
    assert await sweep(home, "data-wal", "pwrite64", step=13) > 1


@faults.traced
@pytest.mark.parametrize("file", ["log-wal", "data-wal"])
async def test_what_may_not_have_reached_the_disk_ends_the_process_and_the_next_goes_on(home, file):
    async with datasette.serving(home.root, "weather", rows_max=60) as source:
        datasette.declare(home, source, size=30, days="weather")
        home.configure(CONNECTION)
        witness = Witness(home, source)
        witness.note_source()
        async with running(home) as daemon:
            await daemon.said("sync-succeeded")
            async with (
                faults.failing(daemon, file, "fdatasync:error=EIO:when=1"),
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(ask, daemon, witness)
                assert await daemon.end() == 74
                nursery.cancel_scope.cancel()
        sentence = daemon.complaint
        assert sentence.startswith("roundsd: the ")
        assert "cannot be written any more" in sentence
        assert sentence.count("\n") == 1
        witness.examine(daemon)
        await settle(home, witness)


@faults.traced
async def test_while_the_disk_is_full_reads_go_on_and_wishes_are_refused_until_there_is_room(home):
    async with datasette.serving(home.root, "weather", rows_max=60) as source:
        datasette.declare(home, source, size=30, days="weather")
        home.configure(CONNECTION)
        witness = Witness(home, source)
        witness.note_source()
        async with running(home) as daemon, trio.open_nursery() as nursery:
            await daemon.said("sync-succeeded")
            before = (await daemon.ask("status"))["seq"]
            async with faults.failing(daemon, "log-wal", "pwrite64:error=ENOSPC:when=1+"):
                nursery.start_soon(ask, daemon, witness)
                status = await troubled(daemon)
                assert "the disk is full" in status["trouble"][0]
                stats = await daemon.ask("log-stats")
                assert stats["seq"] == before, "what is not on disk is not in the log"
                refusal = await daemon.call("POST", "sync", json={"connection": CONNECTION})
                assert (refusal.status_code, refusal.json()["code"]) == (503, "disk-full")
                assert len(datasette.seen(home, "days")) == 60
            requested = await daemon.said("sync-requested")
            resumed = await daemon.said("sync-started", request=requested["seq"])
            assert (await daemon.ending(resumed["seq"]))["event"] == "sync-succeeded"
            assert (await daemon.ask("status"))["trouble"] == []
            assert await daemon.stop() == 0
        assert witness.promised == {requested["seq"]}
        witness.examine(daemon)
        witness.conclude()


@faults.traced
async def test_records_that_find_no_room_are_fetched_again_when_there_is_some(home):
    async with datasette.serving(home.root, "weather", rows_max=60) as source:
        datasette.declare(home, source, size=30, days="weather")
        home.configure(CONNECTION)
        witness = Witness(home, source)
        witness.note_source()
        async with running(home) as daemon:
            await daemon.said("sync-succeeded")
            async with faults.failing(daemon, "data-wal", "pwrite64:error=ENOSPC:when=1+"):
                await daemon.tell("sync", CONNECTION)
                await daemon.said("sync-interrupted", reason="disk-full")
                assert "the disk is full" in (await troubled(daemon))["trouble"][0]
                assert datasette.seen(home, "days") == source.rows("weather")
            *_, last = await daemon.heard(succeeded_twice())
            assert last["records"] == 60
            assert await daemon.stop() == 0
        interruptions = [each for each in daemon.lines if each["event"] == "sync-interrupted"]
        assert len(interruptions) <= 3, "a full disk is not stormed"
        witness.examine(daemon)
        witness.conclude()


def succeeded_twice():
    seen = []

    def wanted(line):
        seen.extend([line] if line["event"] == "sync-succeeded" else [])
        return len(seen) == 2

    return wanted


async def troubled(daemon: Daemon) -> dict:
    """Ask until it says what keeps it from its work."""
    with trio.fail_after(WAIT_S):
        while True:
            status = await daemon.ask("status")
            if status["trouble"]:
                return status
