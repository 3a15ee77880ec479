"""Is it told that the read model lacks what happened, and what of retries stays in it how long?"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
import trio
from msgspec.structs import replace

from daemon import commands
from daemon.control import health, history, read_model, status
from daemon.control.desk import Refused
from daemon.control.history_messages import HistoryQuery
from daemon.control.messages import Nothing
from daemon.control.rotation_messages import Whose
from daemon.read_model.file import Position, ReadModel
from daemon.read_model.opening import ReadModelFull, ReadModelUnusable
from daemon.read_model.scribe import FAILED_S
from daemon.read_model.timestamps import iso
from events.terms import Caller
from tests.e2e.test_queue_in_process import Slow
from tests.fakes.in_process import play

BY = Caller(uid=1001, role="operator")


class OnDisk(Slow):
    """Its read model is a file, which cannot be used while there is a `fault`.

    It has been written `writes` times, for which there is no room unless it `fits`.
    """

    def __init__(self, path):
        super().__init__()
        self._path, self.fault = path, None
        self.fits, self.writes = True, 0

    def _parts(self, log):
        return replace(super()._parts(log), read=self._path, run_scribe=self._write)

    async def _write(self, call):
        await trio.lowlevel.checkpoint()
        if self.fault is not None:
            raise self.fault
        if getattr(call, "func", call).__name__ == "write":
            self.writes += 1
            if not self.fits:
                raise ReadModelFull
        return call()

    def request(self, daemon):
        """Have something happen."""
        daemon.journal.execute(commands.Request(subject=self.subject))


@pytest.mark.requirement("B9")
@pytest.mark.parametrize(
    ("fault", "words"),
    [(ReadModelFull(), "the disk is full"), (ReadModelUnusable("it is damaged"), "it is damaged")],
)
def test_a_read_model_that_lacks_what_happened_is_a_reason_until_it_has_it(tmp_path, fault, words):
    async def scene():
        here = OnDisk(tmp_path / "read")
        async with here.life() as daemon:
            desk = here.desk(daemon)
            await trio.sleep(10)
            assert (await read_model.show(desk, Nothing(), BY)).behind_s < 1
            here.fault = fault
            daemon.journal.execute(commands.Pause(subject=here.subject))
            await trio.sleep(200)
            found = await health.get_sync_system_health(desk, Whose(), BY)
            reason = next(each for each in found.reasons if each.reason == "read-model-behind")
            assert (reason.count, reason.command) == (3, "rounds sql show")
            assert "3 minutes" in reason.sentence
            assert (await status.status(desk, Nothing(), BY)).trouble == [status.READ_MODEL]
            shown = await read_model.show(desk, Nothing(), BY)
            assert words in shown.trouble
            assert shown.behind_s > 180
            here.fault = None
            await trio.sleep(FAILED_S + 5)
            found = await health.get_sync_system_health(desk, Whose(), BY)
            assert not [each for each in found.reasons if each.reason == "read-model-behind"]
            assert (await read_model.show(desk, Nothing(), BY)).trouble == ""

    play(scene)


@pytest.mark.requirement("D4")
def test_who_asks_while_there_is_no_file_is_told_at_once_and_at_a_start_is_answered(tmp_path):
    async def scene():
        here = OnDisk(tmp_path / "read")
        async with here.life() as daemon:
            desk = here.desk(daemon)
            assert desk.reading.scribe.model is None, "it is not open yet"
            assert (await history.get_sync_health_history(desk, HistoryQuery(), BY)).rows
            await trio.sleep(10)
            here.fault = ReadModelUnusable("it is damaged")
            daemon.journal.execute(commands.Pause(subject=here.subject))
            await trio.sleep(5)
            began = trio.current_time()
            with pytest.raises(Refused, match="cannot be written: it is damaged"):
                await history.get_sync_health_history(desk, HistoryQuery(), BY)
            assert trio.current_time() == began

    play(scene)


@pytest.mark.requirement("B8")
def test_for_how_long_retries_stay_can_be_set_and_the_file_follows_that(tmp_path):
    """A file that was written while it was set otherwise is made anew from the log."""
    path = tmp_path / "read"
    ReadModel(path, "one", retries_kept=timedelta(days=7)).close()
    with pytest.raises(ReadModelUnusable, match="kept for 86400 s"):
        ReadModel(path, "one", retries_kept=timedelta(days=1))
    path.unlink()
    model = ReadModel(path, "one", retries_kept=timedelta(days=1))
    assert model.position() == Position()
    model.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT retries_kept_s FROM position").fetchone() == (86_400,)


NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def kept_after(*occurred, retry):
    """The retries that are left, one by one and in sums, of one with that number that ended NOW."""
    model = ReadModel(None, "one")
    connection = model.connection
    for seq, at in enumerate(occurred, 1):
        connection.execute("INSERT INTO occurrence VALUES (?, 7, 1, 1, 'x', ?)", (seq, iso(at)))
    row = {"id": retry, "tenant": 1, "connection": 7, "provider": 1, "cause": "server"}
    row |= {"status": "completed", "created": iso(NOW), "ended": iso(NOW)}
    columns = [each[1] for each in connection.execute("PRAGMA table_info(retry)")]
    values = [row.get(each, 0) for each in columns]
    connection.execute(f"INSERT INTO retry VALUES ({', '.join('?' * len(columns))})", values)
    for seq, at in enumerate(accumulate(occurred, max), 1):
        model.write(Position(seq=seq, at=at), None, {})
    return [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("retry", "retry_hour")
    ]


@pytest.mark.requirement("B8")
def test_a_retry_that_ended_stays_for_a_week_then_in_sums():
    assert kept_after(NOW, NOW + timedelta(days=6), retry=1) == [1, 0]
    assert kept_after(NOW, NOW + timedelta(days=8), retry=1) == [0, 1]
    assert kept_after(NOW, NOW + timedelta(days=92), retry=1) == [0, 0]


@pytest.mark.requirement("B8")
def test_one_that_ended_after_a_clock_was_ahead_stays_as_well():
    assert kept_after(NOW, NOW + timedelta(days=200), NOW, retry=3) == [1, 0]


def test_where_nothing_is_old_no_connection_is_looked_at():
    said = []
    model = ReadModel(None, "one")
    sql = "INSERT INTO occurrence VALUES (1, 7, 1, 1, 'x', ?)"
    model.connection.execute(sql, (iso(NOW),))
    model.write(Position(seq=1, at=NOW), None, {})
    model.connection.set_trace_callback(said.append)
    model.write(Position(seq=2, at=NOW + timedelta(days=80)), None, {})
    assert not [each for each in said if "FROM trace" in each]
    model.write(Position(seq=3, at=NOW + timedelta(days=91)), None, {})
    assert [each for each in said if "FROM trace" in each]
