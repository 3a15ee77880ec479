"""A start begins at a snapshot where there is a good one, and nothing depends on it."""

import shutil
import signal
import socket
from contextlib import suppress

import httpx
import pytest
from msgspec.structs import replace

from daemon import past_worker
from events.snapshots import Snapshots
from tests.e2e import faults
from tests.e2e.daemon import Ended, running
from tests.rest import provider
from tests.rest.provider import ok

pytestmark = [pytest.mark.requirement("F5")]

DAYS = {"days": {"path": "/days", "primary_key": ["id"]}}
NAME = "acme/shop"


@pytest.fixture
async def lived(home):
    """A home in which a daemon has synced once and stopped in good order."""
    async with provider.serving(lambda _: ok([{"id": 1}, {"id": 2}])) as server:
        home.provide("shop", server.url, streams=DAYS)
        home.configure(NAME)
        async with running(home) as daemon:
            await daemon.said("sync-succeeded")
            assert await daemon.stop() == 0
        yield home


def kept(home):
    return Snapshots(home.state / past_worker.SNAPSHOTS, past_worker.version())


def files(home):
    return sorted(each.name for each in (home.state / past_worker.SNAPSHOTS).iterdir())


async def seen(daemon):
    """What people see of the connection, but for how long ago it was."""
    return (await daemon.ask("connection", connection=NAME))["connection"]


async def test_a_start_begins_at_what_the_stop_left_and_sees_what_a_whole_replay_sees(lived):
    async with running(lived) as daemon:
        begun = await daemon.said("replayed")
        assert begun["snapshot"] == begun["seq"] == kept(lived).numbers()[0]
        with_snapshot = await seen(daemon)
        await daemon.stop(signal.SIGKILL)
    shutil.rmtree(lived.state / past_worker.SNAPSHOTS)
    async with running(lived) as daemon:
        assert (await daemon.said("replayed"))["snapshot"] == 0
        assert await seen(daemon) == with_snapshot
        assert await daemon.stop() == 0
    assert len(kept(lived).numbers()) == 1


async def test_a_damaged_snapshot_is_ignored_and_the_one_before_it_used(lived):
    async with running(lived) as daemon:
        await daemon.sync(NAME)
        assert await daemon.stop() == 0
    last, before = kept(lived).numbers()
    path = lived.state / past_worker.SNAPSHOTS / f"{last:020}"
    path.write_bytes(path.read_bytes()[:-1])
    async with running(lived) as daemon:
        ignored = await daemon.said("snapshot-ignored", seq=last)
        assert "cut short" in ignored["reason"]
        assert (await daemon.said("replayed"))["snapshot"] == before
        await daemon.sync(NAME)
        assert await daemon.stop() == 0
    assert last not in kept(lived).numbers(), "what is of no use is cleared away"


async def test_a_snapshot_of_other_code_is_ignored_rebuilt_and_systemd_hears_of_it(lived):
    (seq,) = kept(lived).numbers()
    with_other = Snapshots(kept(lived)._directory, "another version")
    snapshot = kept(lived).open(seq)
    draft = with_other.begin(seq)
    for piece in snapshot.pieces():
        draft.add(piece)
    draft.finish(replace(snapshot.stamp, version="another version"))
    address = lived.root / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(address))
        async with running(lived, environment={"NOTIFY_SOCKET": str(address)}) as daemon:
            ignored = await daemon.said("snapshot-ignored", seq=seq)
            assert ignored["reason"] == "another version of rounds made it"
            said = heard.recv(4096).decode()
            assert said.startswith("STATUS=the last snapshot is of no use (another version")
            assert "\nEXTEND_TIMEOUT_USEC=" in said
            assert await daemon.stop() == 0
    assert seq not in kept(lived).numbers()
    async with running(lived) as daemon:
        assert (await daemon.said("replayed"))["snapshot"] > seq


def partial(seq):
    return f"{past_worker.SNAPSHOTS}/{seq:020}.partial"


async def take_and_die(daemon):
    with suppress(Ended, httpx.TransportError):
        await daemon.call("POST", "snapshot-take", json={})


@faults.traced
@pytest.mark.parametrize(
    "where, fault",
    [
        ("partial", "openat:signal=KILL:when=1"),
        ("partial", "write:signal=KILL:when=1"),
        ("partial", "fsync:signal=KILL:when=1"),
        ("partial", "rename:signal=KILL:when=1"),
        ("directory", "fsync:signal=KILL:when=1"),
    ],
)
async def test_a_kill_at_any_step_of_a_snapshot_costs_nothing(lived, where, fault):
    async with running(lived) as daemon:
        await daemon.sync(NAME)
        before = await seen(daemon)
        seq = (await daemon.ask("status"))["seq"]
        path = partial(seq) if where == "partial" else past_worker.SNAPSHOTS
        async with faults.failing(daemon, path, fault):
            await take_and_die(daemon)
        assert await daemon.end() == -signal.SIGKILL
    async with running(lived) as daemon:
        assert (await daemon.said("replayed"))["snapshot"] in kept(lived).numbers()
        assert await seen(daemon) == before
        assert not [name for name in files(lived) if name.endswith(".partial")]
        await daemon.sync(NAME)
        assert await daemon.stop() == 0
    lived.log()


@faults.traced
@pytest.mark.parametrize(
    "fault, code",
    [("write:error=ENOSPC:when=1+", "disk-full"), ("fsync:error=EIO:when=1+", "internal")],
)
async def test_a_snapshot_that_finds_no_room_is_given_up_and_nothing_else_suffers(
    lived, fault, code
):
    async with running(lived) as daemon:
        before = kept(lived).numbers()
        seq = (await daemon.ask("status"))["seq"]
        async with faults.failing(daemon, partial(seq), fault):
            refusal = await daemon.call("POST", "snapshot-take", json={})
            assert refusal.json()["code"] == code
            assert "nothing else suffers" in refusal.json()["message"]
        assert kept(lived).numbers() == before
        assert len(files(lived)) == len(before)
        assert (await daemon.ask("status"))["trouble"] == []
        assert (await daemon.sync(NAME))["event"] == "sync-succeeded"
        taken = await daemon.call("POST", "snapshot-take", json={})
        assert taken.json()["snapshot"] == kept(lived).numbers()[0]
        assert await daemon.stop() == 0
