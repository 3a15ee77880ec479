"""Does the daemon live on, and is the read model made anew, whatever becomes of its file?"""

import os
import sqlite3
import sys
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import trio

from daemon import own_process
from daemon.cli import sql
from daemon.cli.ending import Ended
from daemon.control import history, read_model
from daemon.control.desk import Refused
from daemon.control.history_messages import HistoryQuery
from daemon.control.messages import Nothing
from daemon.read_model import opening, place
from daemon.read_model.file import Position, ReadModel, Standing
from daemon.read_model.opening import ReadModelFull, ReadModelUnusable
from daemon.read_model.scribe import FAILED_S, FULL_S, LOOK_S, OUTGROWN_S, PAUSE_S
from events.schema import SyncSucceeded
from tests.e2e.test_queue_in_process import CALL_S
from tests.e2e.test_read_model_in_process import BY, OnDisk
from tests.fakes.in_process import _run

READ_AT_THE_START = ("position", "member", "consent", "reporter")


async def synced(here, daemon):
    """Let one sync come to something that is in the file, and give the desk."""
    await here.waited(daemon)
    desk = here.desk(daemon)
    assert await desk.reading.scribe.fresh()
    return desk


def damage(path, table):
    """Fill the first page of a table with what is none; nobody may have the file open."""
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        sql = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (root,) = connection.execute(sql, (table,)).fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)


def counted(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT sum(succeeded) FROM hour WHERE subject = 0").fetchone()[0]


@pytest.mark.requirement("A13")
@pytest.mark.parametrize("table", [*READ_AT_THE_START, "hour", "account"])
async def test_where_a_page_is_damaged_the_file_is_made_anew(autojump_clock, tmp_path, table):
    """Those that are read at the start, those that are written once they are: at once."""

    here = OnDisk(tmp_path / "read")
    async with here.life() as daemon:
        await synced(here, daemon)
    damage(tmp_path / "read", table)
    async with here.life() as daemon:
        here.request(daemon)
        await trio.sleep(PAUSE_S + CALL_S)
        desk = here.desk(daemon)
        found = await read_model.show(desk, Nothing(), BY)
        assert (found.whole, found.trouble) == (True, "")
        told = await history.get_sync_health_history(desk, HistoryQuery(days=1), BY)
        assert told.total.succeeded == len(here.events(SyncSucceeded)) > 0
    assert counted(tmp_path / "read") == len(here.events(SyncSucceeded))


@pytest.mark.requirement("A13")
async def test_a_question_that_finds_a_page_damaged_has_the_file_made_anew(
    autojump_clock, tmp_path
):
    here = OnDisk(tmp_path / "read")
    async with here.life() as daemon:
        await synced(here, daemon)
    damage(tmp_path / "read", "hour")
    async with here.life() as daemon:
        desk = here.desk(daemon)
        with pytest.raises(Refused, match="being made anew"):
            await history.get_sync_health_history(desk, HistoryQuery(days=1), BY)
        await trio.sleep(1)
        told = await history.get_sync_health_history(desk, HistoryQuery(days=1), BY)
        assert told.total.succeeded == len(here.events(SyncSucceeded)) > 0


@pytest.mark.requirement("A13")
async def test_asked_for_while_it_waits_for_the_next_attempt_it_is_made_anew_at_once(
    autojump_clock, tmp_path
):
    here = OnDisk(tmp_path / "read")
    async with here.life() as daemon:
        desk = await synced(here, daemon)
        here.fault = ReadModelUnusable("it is damaged")
        await desk.reading.scribe.fresh()
        desk.reading.scribe.begin_anew()
        await trio.sleep(1)
        with pytest.raises(Refused, match="it is damaged"):
            await history.get_sync_health_history(desk, HistoryQuery(days=1), BY)
        here.fault = None
        await read_model.rebuild(desk, Nothing(), BY)
        await trio.sleep(1)
        assert (await read_model.show(desk, Nothing(), BY)).whole


@pytest.mark.requirement("A13")
async def test_a_file_that_somebody_else_writes_is_waited_for_and_kept(autojump_clock, tmp_path):
    here = OnDisk(tmp_path / "read")
    async with here.life() as daemon:
        desk = await synced(here, daemon)
        desk.reading.scribe.model.connection.execute("PRAGMA busy_timeout = 0")
        with kept(tmp_path / "read"):
            with closing(sqlite3.connect(tmp_path / "read", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                here.request(daemon)
                await trio.sleep(10)
                assert "locked" in (await read_model.show(desk, Nothing(), BY)).trouble
            await trio.sleep(FAILED_S + 5)
            assert (await read_model.show(desk, Nothing(), BY)).whole


# -- what it takes of the disk ---------------------------------------------------------------------


def held_open(path):
    """Whether this process holds a file open that lay there, and was deleted."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(each.readlink()))
    return [each for each in found if each.startswith(str(path)) and each.endswith("(deleted)")]


@pytest.mark.requirement("A13")
async def test_deleted_it_gives_back_its_space_though_nothing_happens(autojump_clock, tmp_path):
    here = OnDisk(tmp_path / "read")
    async with here.life() as daemon:
        desk = await synced(here, daemon)
        await history.get_sync_health_history(desk, HistoryQuery(days=1), BY)
        await trio.sleep(1)
        seq = daemon.journal.head.seq
        (tmp_path / "read").unlink()
        assert held_open(tmp_path)
        await trio.sleep(LOOK_S + 1)
        assert daemon.journal.head.seq == seq, "nothing happened"
        assert held_open(tmp_path) == []
        assert (await read_model.show(desk, Nothing(), BY)).whole
        assert (tmp_path / "read").exists()


@contextmanager
def kept(path):
    """It is the same file after that: its number is not given to another one meanwhile."""
    with path.open("rb") as file:
        yield
        assert os.path.samestat(os.fstat(file.fileno()), path.stat())


def read_files(path):
    return sorted(each.name for each in path.iterdir() if each.name.startswith("read"))


@pytest.mark.requirement("A13")
async def test_of_a_file_that_does_not_fit_nothing_is_left(autojump_clock, tmp_path):
    """It is not tried again before long; asked for, it is, and once there is room it is there."""
    here = OnDisk(tmp_path / "read")
    here.fits = False
    async with here.life() as daemon:
        await here.waited(daemon)
        await trio.sleep(FULL_S - 60)
        desk = here.desk(daemon)
        assert read_files(tmp_path) == []
        assert here.writes == 1
        assert "the disk is full" in (await read_model.show(desk, Nothing(), BY)).trouble
        desk.reading.scribe.begin_anew()
        await trio.sleep(10)
        assert (read_files(tmp_path), here.writes) == ([], 2)
        here.fits = True
        await trio.sleep(FULL_S)
        assert (await read_model.show(desk, Nothing(), BY)).whole


@pytest.mark.requirement("A13")
async def test_one_that_is_whole_stays_on_a_full_disk(autojump_clock, tmp_path, monkeypatch):
    here = OnDisk(tmp_path / "read")
    async with here.life() as daemon:
        desk = await synced(here, daemon)
        with kept(tmp_path / "read"):
            with monkeypatch.context() as full:
                full.setattr(opening, "ROOM_BYTES", 2**62)
                here.request(daemon)
                await trio.sleep(200)
                assert "the disk is full" in (await read_model.show(desk, Nothing(), BY)).trouble
            await trio.sleep(FAILED_S + 5)
            found = await read_model.show(desk, Nothing(), BY)
            assert (found.whole, found.trouble) == (True, "")


@pytest.mark.requirement("A13")
async def test_a_draft_that_does_not_fit_is_said_to_be_that_and_taken_away(tmp_path, monkeypatch):
    """Nothing of it is left, and nothing is filled in its stead."""
    full = "from daemon.read_model import filling, opening\nopening.ROOM_BYTES = 2**62\n"
    code = [sys.executable, "-c", f"{full}filling.main()"]
    monkeypatch.setattr(own_process, "command", lambda _, *arguments: [*code, *arguments])
    monkeypatch.setattr(place, "FAR_EVENTS", 10)
    journal = SimpleNamespace(head=SimpleNamespace(seq=11))
    here, told = place.Place(journal, tmp_path / "read", _run, timedelta(days=7)), []
    with pytest.raises(ReadModelFull):
        await here.open(told.append)
    assert told == [0], "so it is known to be half"
    await here.remove()
    assert read_files(tmp_path) == []


@pytest.mark.requirement("A13")
async def test_one_that_a_question_without_end_makes_grow_is_made_anew(autojump_clock, tmp_path):
    """Though not before it was open for a while."""
    here = OnDisk(tmp_path / "read")
    async with here.life() as daemon:
        desk = await synced(here, daemon)
        was = (tmp_path / "read").stat().st_ino
        with closing(sqlite3.connect(tmp_path / "read", isolation_level=None)) as asked:
            asked.execute("BEGIN")
            before = asked.execute("SELECT count(*) FROM turn").fetchone()
            os.truncate(tmp_path / "read-wal", opening.WAL_BYTES_MAX + 1)
            await trio.sleep(OUTGROWN_S - 60)
            assert (tmp_path / "read").stat().st_ino == was
            await trio.sleep(60 + LOOK_S + 1)
            assert (tmp_path / "read-wal").stat().st_size < opening.WAL_BYTES_MAX
            assert asked.execute("SELECT count(*) FROM turn").fetchone() == before
        told = await history.get_sync_health_history(desk, HistoryQuery(days=1), BY)
        assert told.total.succeeded == len(here.events(SyncSucceeded)) > 0


def test_once_a_question_has_ended_the_wal_is_small_again(tmp_path):
    model = ReadModel(tmp_path / "read", "one")
    wal, large = tmp_path / "read-wal", "x" * 100_000

    def write(rows, seq):
        names = tuple((each, large) for each in range(rows))
        model.write(Position(seq=seq), None, {}, Standing(names=names))

    with closing(sqlite3.connect(tmp_path / "read", isolation_level=None)) as asked:
        asked.execute("BEGIN")
        asked.execute("SELECT count(*) FROM name").fetchone()
        write(2 * opening.WAL_BYTES // len(large), 1)
    assert wal.stat().st_size > 2 * opening.WAL_BYTES
    write(1, 2)
    write(1, 3)
    assert wal.stat().st_size <= opening.WAL_BYTES
    model.close()


def test_who_waits_for_it_to_be_made_anew_is_told_what_keeps_it_from_that():
    state = {"seq": 9, "path": "read", "position": 0, "upto": 9, "whole": False, "anew": False}
    said = msgspec.json.encode(state | {"trouble": "the disk is full"})
    with pytest.raises(Ended, match="it cannot be written: the disk is full; it is tried again"):
        sql._wait(SimpleNamespace(get=lambda _: said))
