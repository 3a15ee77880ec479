"""Does the daemon live on, and is the read model made anew, whatever becomes of its file?"""

import sqlite3
from contextlib import closing

import pytest
import trio

from daemon.control import history, read_model
from daemon.control.desk import Refused
from daemon.control.history_messages import HistoryQuery
from daemon.control.messages import Nothing
from daemon.read_model.opening import ReadModelUnusable
from daemon.read_model.scribe import FAILED_S
from events.schema import SyncSucceeded
from tests.e2e.test_read_model_in_process import BY, OnDisk

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
    """Those that are read at the start at once, those that are written once they are."""

    here = OnDisk(tmp_path / "read")
    async with here.life() as daemon:
        await synced(here, daemon)
    damage(tmp_path / "read", table)
    async with here.life() as daemon:
        here.request(daemon)
        await trio.sleep(FAILED_S + 5)
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
        was = (tmp_path / "read").stat().st_ino
        desk.reading.scribe.model.connection.execute("PRAGMA busy_timeout = 0")
        with closing(sqlite3.connect(tmp_path / "read", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            here.request(daemon)
            await trio.sleep(10)
            assert "locked" in (await read_model.show(desk, Nothing(), BY)).trouble
        await trio.sleep(FAILED_S + 5)
        assert (await read_model.show(desk, Nothing(), BY)).whole
        assert (tmp_path / "read").stat().st_ino == was
