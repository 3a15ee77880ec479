"""What is wrong at the start is said in one sentence and changes nothing."""

import hashlib
import os
import shutil
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import tzdata
from structlog.testing import capture_logs

from daemon import own_process, prefix_check
from daemon.past_worker import SNAPSHOTS, version
from events import chain
from events.snapshots import Snapshots
from projections import image
from projections.world import World
from tests.e2e.daemon import refused, running

DAYS = {"days": {"path": "/days", "primary_key": ["id"]}}
FAR = {"timezone": "Atlantis/Capital"}
UNUSABLE, IN_USE, FAILED = 78, 75, 74


def one_sentence(complaint):
    assert complaint.startswith("roundsd: ")
    assert complaint.count("\n") == 1, "one sentence, no traceback"
    return complaint


@pytest.fixture
async def lived(home):
    """A home in which a daemon has run and stopped in good order."""
    home.provide("shop", "http://127.0.0.1:9", streams=DAYS)
    home.configure("acme/shop")
    async with running(home) as daemon:
        await daemon.said("sync-failed")
        assert await daemon.stop() == 0
    return home


async def refuses(home, code, *words, **rest):
    """Check that it does not start, says these words, and leaves every file as it was."""
    before = contents(home)
    ended, complaint = await refused(home, **rest)
    assert (ended, complaint) == (code, one_sentence(complaint))
    for word in words:
        assert word in complaint
    assert contents(home) == before


def contents(home):
    """A digest of every file that holds anything."""
    names = ("log", "log-wal", "log.mark", "data", "data-wal", "vault", "vault.key")
    files = [home.state / name for name in names]
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.exists() and file.stat().st_size
    }


async def test_a_second_daemon_on_the_same_state_is_refused_and_the_first_goes_on(home):
    home.configure()
    async with running(home) as daemon:
        code, complaint = await refused(home)
        assert code == IN_USE
        assert f"process {daemon.process.pid}" in one_sentence(complaint)
        assert (await daemon.ask("status"))["pid"] == daemon.process.pid


async def test_a_socket_that_somebody_answers_at_is_refused_and_left_alone(home):
    home.configure()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(home.socket))
        other.listen()
        code, complaint = await refused(home)
        assert code == IN_USE
        assert f"another process answers on {home.socket}" in one_sentence(complaint)
        assert home.socket.is_socket()


async def test_a_file_in_the_place_of_the_socket_is_left_alone(home):
    home.configure()
    home.socket.write_text("mine")
    code, complaint = await refused(home)
    assert code == IN_USE
    assert "is no socket" in one_sentence(complaint)
    assert home.socket.read_text() == "mine"


async def test_a_socket_that_a_dead_daemon_left_is_replaced(home):
    home.configure()
    async with running(home) as daemon:
        await daemon.stop(signal.SIGKILL)
    assert home.socket.is_socket()
    async with running(home) as daemon:
        assert (await daemon.ask("status"))["pid"] == daemon.process.pid


async def test_a_socket_path_that_does_not_fit_is_refused(home):
    home.configure(socket=str(home.root / ("s" * 120)))
    code, complaint = await refused(home)
    assert code in {IN_USE, UNUSABLE}
    assert "more than 107 bytes" in one_sentence(complaint)


@pytest.mark.parametrize(
    "written, words",
    [
        ("sync = {concurency = 3}", ("rounds.toml", "sync.concurency")),
        ("sync = {concurrency = 0}", ("rounds.toml", "sync.concurrency")),
        ('connections = {"acme/none" = {}}', ("rounds.toml", "connections.acme/none")),
        ('state = "relative"', ("rounds.toml", "state")),
        ("state = ", ("rounds.toml", "line 1")),
    ],
)
async def test_a_wrong_configuration_names_the_file_and_the_key(home, written, words):
    home.config.write_text(written)
    await refuses(home, UNUSABLE, *words)


async def test_a_wrong_provider_names_the_file_and_the_key(home):
    home.provide("shop", "ftp://example.org", streams=DAYS)
    home.configure("acme/shop")
    await refuses(home, UNUSABLE, "shop.toml", "base_url")


async def test_a_time_zone_that_the_host_no_longer_knows_is_named(home):
    """It was known when it was set; the first sync of each life would end that life."""
    zones = home.root / "zones/Atlantis"
    zones.mkdir(parents=True)
    (zones / "Capital").write_bytes((Path(tzdata.__file__).parent / "zoneinfo/UTC").read_bytes())
    home.provide("shop", "http://127.0.0.1:9", streams=DAYS)
    home.configure("acme/shop")
    async with running(home, environment={"PYTHONTZPATH": str(zones.parent)}) as daemon:
        await daemon.tell("policy-set", None, tenant="acme", settings=FAR)
        assert await daemon.stop() == 0
    code, complaint = await refused(home)
    assert code == UNUSABLE
    assert "the time zone Atlantis/Capital, set for acme, is not known" in one_sentence(complaint)


async def test_a_credential_that_is_not_there_is_named(home):
    home.provide("shop", "http://127.0.0.1:9", streams=DAYS)
    home.configure(("acme/shop", {"credential_file": str(home.root / "gone")}))
    code, complaint = await refused(home)
    assert code == UNUSABLE
    assert "connections.acme/shop.credential_file" in one_sentence(complaint)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_state_directory_that_may_not_be_written_is_named(home):
    home.configure()
    home.state.mkdir(mode=0o500)
    code, complaint = await refused(home)
    assert code == UNUSABLE
    assert str(home.state) in one_sentence(complaint)


async def test_a_state_directory_that_is_a_file_is_named(home):
    home.configure()
    home.state.write_text("")
    code, complaint = await refused(home)
    assert code == UNUSABLE
    assert str(home.state) in one_sentence(complaint)


async def test_a_vault_without_its_key_is_refused(lived):
    (lived.state / "vault.key").unlink()
    await refuses(lived, UNUSABLE, "vault.key is gone")


async def test_a_vault_with_another_key_is_refused(lived):
    (lived.state / "vault.key").write_text("ab" * 32)
    await refuses(lived, UNUSABLE, "another key")


async def test_a_key_that_others_can_read_is_refused(lived):
    (lived.state / "vault.key").chmod(0o644)
    await refuses(lived, UNUSABLE, "chmod 600")


async def test_an_event_of_a_newer_version_is_refused(lived):
    head = tamper(lived, lambda log, head: append(log, head, b'{"type":"sync-dreamt"}'))
    await refuses(lived, UNUSABLE, f"event {head}", "sync-dreamt", "newer version")


REWRITE = "UPDATE event SET body = replace(body, 'network', 'timeout')"


def without_snapshots(home):
    """So that the whole log is read at the start."""
    shutil.rmtree(home.state / "snapshots")


async def test_an_event_that_was_rewritten_is_refused(lived):
    without_snapshots(lived)
    tamper(lived, lambda log, _: log.execute(REWRITE))
    await refuses(lived, UNUSABLE, "is damaged", "is not what was written")


async def test_an_event_that_is_missing_is_refused(lived):
    without_snapshots(lived)
    tamper(lived, lambda log, _: log.execute("DELETE FROM event WHERE seq = 2"))
    await refuses(lived, UNUSABLE, "is damaged", "event 2 is missing")


@pytest.mark.requirement("X5")
async def test_what_was_rewritten_before_the_snapshot_is_found_while_it_runs(lived):
    tamper(lived, lambda log, _: log.execute(REWRITE))
    async with running(lived) as daemon:
        assert await daemon.end() == UNUSABLE
        assert "is damaged" in one_sentence(daemon.complaint)
    await refuses(lived, UNUSABLE, "is damaged", "is not what was written")


@pytest.mark.requirement("X5")
async def test_a_sound_log_is_checked_behind_the_snapshot(lived):
    async with running(lived) as daemon:
        assert (await daemon.said("replayed"))["snapshot"] > 0
        await daemon.said("log-checked")
        assert await daemon.stop() == 0


async def test_a_log_that_cannot_be_checked_ends_nothing(lived, monkeypatch):
    """There is no room for one more process, or the interpreter was upgraded meanwhile."""
    monkeypatch.setattr(own_process, "command", lambda *_: [str(lived.state / "gone")])
    with capture_logs() as said:
        await prefix_check.watch(lived.state, Snapshots(None, "1"), 7)
    assert [each["event"] for each in said] == ["log-unchecked"]


@pytest.mark.requirement("X5")
async def test_a_snapshot_that_is_gone_by_then_is_not_said_to_be_checked(lived):
    snapshots = Snapshots(lived.state / SNAPSHOTS, version())
    (seq, *_) = snapshots.numbers()
    snapshots.drop([seq])
    with capture_logs() as said:
        await prefix_check.watch(lived.state, snapshots, seq)
    assert [each["event"] for each in said] == ["snapshot-unchecked"]


@pytest.mark.requirement("X5")
async def test_a_snapshot_that_says_other_than_the_log_is_found_while_it_runs(lived):
    """It bears the right stamp and sums: whoever may write there can make such a one."""
    snapshots = Snapshots(lived.state / SNAPSHOTS, version())
    (seq, *_), world = snapshots.numbers(), World()
    with closing(snapshots.open(seq)) as snapshot:
        for piece in snapshot.pieces():
            image.add(world, image.Piece(*piece))
    world.outbox_bytes += 1
    forged = snapshots.begin(seq)
    for each in image.pieces(world):
        forged.add(each)
    forged.finish(snapshot.stamp)
    async with running(lived) as daemon:
        assert (await daemon.said("replayed"))["snapshot"] == seq
        assert await daemon.end() == FAILED
        assert f"the snapshot of event {seq}" in one_sentence(daemon.complaint)
    async with running(lived) as daemon:
        assert (await daemon.said("replayed"))["snapshot"] == 0


async def test_a_log_that_lost_its_tail_is_refused(home):
    home.configure()
    async with running(home) as daemon:
        await daemon.said("daemon-started")  # on disk, and noted in the mark, by now
        await daemon.stop(signal.SIGKILL)
    os.truncate(home.state / "log-wal", 0)
    before = (home.state / "log").read_bytes()
    code, complaint = await refused(home)
    assert code == UNUSABLE
    assert "has lost its tail" in one_sentence(complaint)
    assert (home.state / "log").read_bytes() == before


async def test_a_store_that_is_no_database_is_refused(lived):
    (lived.state / "data").write_bytes(b"not a database, whatever its name says" * 100)
    await refuses(lived, UNUSABLE, "the data store")


async def test_an_older_copy_of_the_log_beside_a_newer_store_is_refused(lived):
    with closing(sqlite3.connect(lived.state / "data")) as data, data:
        data.execute("UPDATE stream SET head = 999")
    await refuses(lived, UNUSABLE, "older copy")


def tamper(home, change):
    """Change the log behind its back; the number of the event after its last one."""
    with closing(sqlite3.connect(home.state / "log")) as log, log:
        head = log.execute("SELECT max(last) FROM block").fetchone()[0]
        change(log, head)
    return head + 1


def append(log, head, body):
    """Append as a newer version would: a sound block of what this one does not know."""
    (before,) = log.execute("SELECT hash FROM block WHERE last = ?", (head,)).fetchone()
    block = chain.link(before, [(head + 1, 0, 0, body)])
    values = (head + 1, 0, 0, body.decode())
    log.execute("INSERT INTO event (seq, at, subject, body) VALUES (?, ?, ?, ?)", values)
    log.execute("INSERT INTO block VALUES (?, ?, ?)", (head + 1, head + 1, block))
