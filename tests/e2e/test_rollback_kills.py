"""However it dies while it goes back, or prunes, what is kept is what it was, and whole."""

import json
import random
import signal
from contextlib import closing

import httpx
import pytest
import trio

from tests.e2e import datasette, faults
from tests.e2e.daemon import Ended, running

CONNECTION = "acme/datasette"
SEED = 20261121
SWEEP_MAX = 60  # more than the calls of one rollback on one file
ROWS = 60
FOREVER = {"policy": {"versions_kept": 1000}}
AT_ONCE = {"policy": {"versions_kept": 2, "versions_age": "1s"}}


class Model:
    """What each version held, by its number; learnt from what the source had when it was synced."""

    def __init__(self, home, source):
        self.home, self.source = home, source
        self.versions = {0: "[]"}

    def examine(self):
        """Take in what the log says: the version in force, and the oldest that is kept."""
        head, oldest = 0, 0
        for event in self.home.log():
            if event["type"] == "records-captured":
                head = event["version"]
                self.versions.setdefault(head, text(self.source.rows("weather")))
            elif event["type"] == "rolled-back":
                head = event["started"]
                (stream,) = event["streams"]
                self.versions.setdefault(head, self.versions[stream["of"]])
            elif event["type"] == "versions-pruned":
                oldest = event["before"]
        return head, oldest

    def compare(self, *, whole):
        """The store first: nothing is in it that the log does not have by then.

        `whole` says that the daemon had time to make up for all, and does nothing now.
        """
        with closing(self.home.open("data")) as store:
            store.execute("BEGIN")
            (visible,) = store.execute("SELECT head FROM stream").fetchone()
            found = store.execute("SELECT version FROM version WHERE version <= ?", (visible,))
            kept = {version: text(rows(store, version)) for (version,) in found.fetchall()}
            (staged,) = store.execute("SELECT count(*) FROM staged").fetchone()
            ends = [each for (each,) in store.execute("SELECT until FROM record")]
        head, oldest = self.examine()
        assert visible in self.versions
        for version, content in kept.items():
            if version >= oldest:
                assert content == self.versions[version], version
        if whole:
            assert visible == head, "what the log calls restored is visible"
            assert min(kept) >= oldest
            assert not staged
            assert not [end for end in ends if end is not None and end <= oldest]


def rows(store, version):
    found = store.execute(
        "SELECT body FROM record WHERE since <= ? AND (until IS NULL OR until > ?) ORDER BY key",
        (version, version),
    )
    return [json.loads(body) for (body,) in found]


def text(found):
    return json.dumps(sorted(found, key=lambda row: row["date"]), sort_keys=True)


def change(source, dice):
    """Half of the rows become other ones, some go, some come."""
    with source.open() as db:
        dates = [row["date"] for row in db.query("SELECT date FROM weather ORDER BY date")]
        for date in dice.sample(dates, ROWS // 2):
            db["weather"].update(date, {"wind": dice.random()})
        for date in dice.sample(dates, 5):
            db["weather"].delete(date)
        for _ in range(5):
            row = {"date": f"2016/{dice.randint(1, 10**9):09}", "wind": dice.random()}
            db["weather"].insert(row)


CALLS = [
    ("data-wal", "fdatasync", 1),
    ("data-wal", "pwrite64", 23),
    ("log-wal", "fdatasync", 1),
    ("log-wal", "pwrite64", 9),
]


async def versions(home, source, model, count, dice):
    """So many versions of the stream, each synced as the source changed; their last events."""
    ends = []
    async with running(home, module="tests.e2e.hasty") as daemon:
        await daemon.said("sync-succeeded")
        model.examine()
        for _ in range(count):
            ends.append((await daemon.ask("status"))["seq"])
            change(source, dice)
            assert (await daemon.sync(CONNECTION))["event"] == "sync-succeeded"
            model.examine()
        assert await daemon.stop() == 0
    return ends


@pytest.mark.requirement("F5")
@pytest.mark.requirement("X4")
@faults.traced
@pytest.mark.parametrize(("file", "call", "step"), CALLS)
async def test_a_kill_at_any_write_of_a_rollback_is_survived(home, file, call, step):
    """Staging, recording, making visible: forth and back, until one comes through."""
    dice = random.Random(SEED)
    async with datasette.serving(home.root, "weather", rows_max=ROWS) as source:
        datasette.declare(home, source, size=ROWS, days="weather")
        home.configure(CONNECTION, **FOREVER)
        model = Model(home, source)
        first, second = await versions(home, source, model, 2, dice)
        for kills in range(SWEEP_MAX):
            to = (first, second)[kills % 2]
            async with running(home, module="tests.e2e.hasty") as daemon:
                model.compare(whole=True)
                fault = f"{call}:signal=KILL:when={1 + kills * step}"
                async with faults.failing(daemon, file, fault):
                    answered = await answer(daemon, to)
                if not answered:
                    await daemon.end()
            model.compare(whole=False)
            if answered:
                break
        assert 1 <= kills < SWEEP_MAX - 1
        async with running(home) as daemon:
            model.compare(whole=True)
            assert (await daemon.sync(CONNECTION))["event"] == "sync-succeeded"
            assert await daemon.stop() == 0
        assert datasette.seen(home, "days") == source.rows("weather")
        begun = [each["seq"] for each in home.log() if each["type"] == "rollback-started"]
        over = [
            each["started"]
            for each in home.log()
            if each["type"] in {"rolled-back", "restore-abandoned"}
        ]
        assert begun == over, "each came to one end"


async def answer(daemon, to):
    """Whether it went back, and said so; it may die under the question, or have nothing to do."""
    try:
        response = await daemon.call(
            "POST", "rollback", json={"connection": CONNECTION, "to": str(to)}
        )
    except httpx.TransportError:
        return False
    if not response.json().get("event"):
        return await answer(daemon, to - 1) if to > 1 else False
    return response.status_code == 200


@faults.traced
@pytest.mark.parametrize("file", ["log-wal", "data-wal"])
async def test_what_may_not_have_reached_the_disk_ends_the_process_and_the_next_goes_on(home, file):
    dice = random.Random(SEED)
    async with datasette.serving(home.root, "weather", rows_max=ROWS) as source:
        datasette.declare(home, source, size=ROWS, days="weather")
        home.configure(CONNECTION, **FOREVER)
        model = Model(home, source)
        (first,) = await versions(home, source, model, 1, dice)
        async with (
            running(home) as daemon,
            faults.failing(daemon, file, "fdatasync:error=EIO:when=1"),
        ):
            assert not await answer(daemon, first)
            assert await daemon.end() == 74
        async with running(home) as daemon:
            model.compare(whole=True)
            await daemon.stop()


@faults.traced
async def test_a_disk_that_is_full_lets_nothing_go_back_and_all_is_as_it_was(home):
    dice = random.Random(SEED)
    async with datasette.serving(home.root, "weather", rows_max=ROWS) as source:
        datasette.declare(home, source, size=ROWS, days="weather")
        home.configure(CONNECTION, **FOREVER)
        model = Model(home, source)
        (first,) = await versions(home, source, model, 1, dice)
        async with running(home) as daemon:
            wish = {"connection": CONNECTION, "to": str(first)}
            async with faults.failing(daemon, "data-wal", "pwrite64:error=ENOSPC:when=1+"):
                refused = await daemon.call("POST", "rollback", json=wish)
            assert (refused.status_code, refused.json()["code"]) == (503, "disk-full")
            model.compare(whole=False)
            assert (await daemon.call("POST", "rollback", json=wish)).status_code == 200
            model.compare(whole=True)
            await daemon.stop()


@pytest.mark.requirement("B13")
@faults.traced
@pytest.mark.parametrize(("file", "call", "step"), CALLS)
async def test_a_kill_at_any_write_of_pruning_is_survived(home, file, call, step):
    dice = random.Random(SEED)
    async with datasette.serving(home.root, "weather", rows_max=ROWS) as source:
        datasette.declare(home, source, size=ROWS, days="weather")
        home.configure(CONNECTION, **FOREVER)
        model = Model(home, source)
        await versions(home, source, model, 6, dice)
        home.configure(CONNECTION, **AT_ONCE)
        for kills in range(SWEEP_MAX):
            change(source, dice)
            async with running(home, module="tests.e2e.hasty") as daemon:
                model.compare(whole=False)
                fault = f"{call}:signal=KILL:when={1 + kills * step}"
                async with faults.failing(daemon, file, fault):
                    survived = await synced(daemon) and await pruned(daemon, home)
                await daemon.stop(signal.SIGKILL) if survived else await daemon.end()
            model.compare(whole=False)
            if survived:
                break
        assert 1 <= kills < SWEEP_MAX - 1
        async with running(home, module="tests.e2e.hasty") as daemon:
            await pruned(daemon, home)
            await daemon.stop()
        model.compare(whole=True)


async def synced(daemon):
    try:
        await daemon.sync(CONNECTION)
    except (Ended, httpx.TransportError):
        return False
    return True


async def pruned(daemon, home):
    """Wait until nothing is left of what the log says is pruned; False where it died meanwhile."""
    while True:
        if daemon.silent:
            return False
        try:
            await daemon.ask("status")
        except (httpx.TransportError, AssertionError):
            return False
        before = max((e["before"] for e in home.log() if e["type"] == "versions-pruned"), default=0)
        with closing(home.open("data")) as store:
            (left,) = store.execute(
                "SELECT (SELECT count(*) FROM record WHERE until <= ?) + "
                "(SELECT count(*) FROM version WHERE version < ?)",
                (before, before),
            ).fetchone()
        if before and not left:
            return True
        await trio.sleep(0.05)
