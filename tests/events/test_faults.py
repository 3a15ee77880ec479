"""What the disk can do to a log: be full, fail to keep, or vanish in the middle of a write."""

import functools
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from events.ballast import SIZE, Ballast
from events.log import SqliteLog
from events.reading import LogUnusable, open_for_reading
from events.verify import read_mark, verify
from tests.events.listening import Heard
from tests.events.samples import rows

ROOT = Path(__file__).parents[2]
DECISION = 3  # events of each decision that the traced process appends
STRACE = ("strace", "-f", "-qq")  # it counts the calls of each thread by themselves
TRIALS_AT_ONCE = 4


@contextmanager
def running(directory: Path):
    with closing(SqliteLog(directory)) as log:
        for _ in log.replay():
            pass
        heard = Heard()
        log.start(heard)
        yield log, heard


def intact(directory: Path, acknowledged: int) -> int:
    """Check that a log verifies, holds what was acknowledged, and goes on; return its head."""
    with running(directory) as (log, heard):
        assert log.head >= acknowledged, "what was acknowledged is there"
        assert log.head % DECISION == 0, "a decision is there whole, or not at all"
        head = log.head
        log.append(rows(head + 1, head + 1))
        heard.wait_for_event(head + 1)
    with closing(open_for_reading(directory / "log")) as connection:
        verdict = list(verify(connection, read_mark(directory)))[-1]
        assert verdict.fault is None
        assert connection.execute("SELECT count(*), max(seq) FROM event").fetchone() == (
            head + 1,
            head + 1,
        )
    return head


# -- a full disk, in this process -----------------------------------------------------------------


def limit(log: SqliteLog, more: int) -> None:
    """Let the log's file grow by this many pages, and no further."""
    pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
    log._connection.execute(f"PRAGMA max_page_count = {pages + more}")


def test_a_full_disk_loses_nothing_and_ends_by_itself(tmp_path):
    """Told of once; meanwhile all is kept and can be read; with room the same batch is written."""
    ballast = tmp_path / "ballast"
    with running(tmp_path) as (log, heard):
        log.append(rows(1, 10))
        heard.wait_for_event(10)
        assert ballast.stat().st_blocks * 512 >= SIZE
        limit(log, 0)
        for first in range(11, 2011, 100):
            log.append(rows(first, first + 99))
        heard.wait(lambda heard: "starved" in heard.told)
        assert not ballast.exists()
        stuck = heard.seq
        assert stuck < 2010
        assert len(log.read(0)) == stuck
        log.append(rows(2011, 2020))
        limit(log, 10_000)
        heard.wait(lambda heard: "fed" in heard.told)
        heard.wait_for_event(2020)
        assert ballast.stat().st_blocks * 512 >= SIZE
        assert [word for word in heard.told if word != "committed"] == ["starved", "fed"]
    with closing(SqliteLog(tmp_path)) as log:
        assert [recorded.seq for recorded in log.replay()] == list(range(1, 2021))


def test_closing_on_a_full_disk_keeps_what_was_acknowledged_and_no_part_of_a_decision(tmp_path):
    with running(tmp_path) as (log, heard):
        log.append(rows(1, 9))
        heard.wait_for_event(9)
        limit(log, 0)
        log.append(rows(10, 3009))
        log.append(rows(3010, 3012))
        heard.wait(lambda heard: "starved" in heard.told)
    assert heard.told == ["committed", "starved"]
    assert intact(tmp_path, 9) == 9


def test_there_is_no_ballast_where_there_is_no_room_and_no_trace_of_the_attempt(tmp_path):
    ballast = Ballast(tmp_path / "ballast", size=2**62)
    assert not ballast.take()
    assert not ballast.held
    assert list(tmp_path.iterdir()) == []


def test_ballast_is_taken_once_and_given_back_once(tmp_path):
    ballast = Ballast(tmp_path / "ballast")
    assert ballast.take()
    assert ballast.take()
    assert ballast.held
    ballast.release()
    ballast.release()
    assert not ballast.held
    assert list(tmp_path.iterdir()) == []


def test_a_writer_without_ballast_says_so_and_writes_all_the_same(tmp_path):
    (tmp_path / "ballast.partial").symlink_to(tmp_path / "nowhere" / "ballast")
    with running(tmp_path) as (log, heard):
        assert heard.told[0] == "starved"
        log.append(rows(1, 3))
        heard.wait_for_event(3)
        heard.wait(lambda heard: "fed" in heard.told)
    assert intact(tmp_path, 3) == 3


# -- failing system calls, in another process -----------------------------------------------------


@functools.cache
def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    probe = [*STRACE, "-e", "trace=fsync", "/bin/true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


traced = pytest.mark.skipif(
    not strace_works(), reason="strace is not installed, or may not trace here: faults not injected"
)


class Life(NamedTuple):
    """What one traced process printed and called, and how it ended."""

    code: int
    said: list[str]
    complaint: str
    calls: list[str]

    @property
    def acknowledged(self) -> int:
        return max([int(word) for word in self.said if word.isdecimal()], default=0)


def live(
    directory: Path, fault: str, *, files: tuple[str, ...] = ("log", "log-wal"), arguments="3"
) -> Life:
    """Append to the log in another process, while calls on these files fail."""
    directory.mkdir(exist_ok=True)
    for file in files:
        (directory / file).touch()
    trace = directory.with_suffix(".trace")
    paths = [word for file in files for word in ("-P", str(directory / file))]
    done = subprocess.run(
        [
            *STRACE,
            *("-o", str(trace), "-e", "trace=pwrite64,fsync,fdatasync", *paths),
            *("-e", f"inject={fault}"),
            *(sys.executable, "-m", "tests.events.appender", str(directory), *arguments.split()),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Life(
        done.returncode, done.stdout.split("\n"), done.stderr, trace.read_text().split("\n")
    )


def begun(directory: Path) -> Path:
    """A log that holds one decision, as an orderly life left it."""
    directory.mkdir()
    with running(directory) as (log, heard):
        log.append(rows(1, DECISION))
        heard.wait_for_event(DECISION)
    return directory


def sweep(trial: Callable[[int], None], calls: range) -> None:
    """Try a fault at each of these calls, some at once: starting a process is what takes time."""
    with ThreadPoolExecutor(TRIALS_AT_ONCE) as pool:
        list(pool.map(trial, calls))


def most(life: Life, call: str) -> int:
    """How many of these calls the busiest thread made: strace counts them by thread."""
    return max(Counter(line.split()[0] for line in life.calls if f"{call}(" in line).values())


@traced
def test_a_kill_at_any_write_loses_nothing_that_was_acknowledged(tmp_path):
    """One life for each write of three commits and of the last checkpoint, killed before it."""
    whole = live(begun(tmp_path / "whole"), "pwrite64:signal=KILL:when=9999")
    assert whole.acknowledged == 4 * DECISION
    writes = most(whole, "pwrite64")
    assert writes > 3 * 6, "a commit writes a page and its head for each of three trees"

    def trial(call: int) -> None:
        directory = begun(tmp_path / f"kill-{call}")
        life = live(directory, f"pwrite64:signal=KILL:when={call}")
        assert life.code != 0
        assert intact(directory, life.acknowledged) <= 4 * DECISION

    sweep(trial, range(1, writes + 1))


@traced
def test_a_kill_while_the_log_is_made_leaves_one_that_can_be_opened(tmp_path):
    whole = live(tmp_path / "whole", "pwrite64:signal=KILL:when=9999", arguments="1")
    assert whole.acknowledged == DECISION

    def trial(call: int) -> None:
        directory = tmp_path / f"born-{call}"
        life = live(directory, f"pwrite64:signal=KILL:when={call}", arguments="1")
        intact(directory, life.acknowledged)

    sweep(trial, range(1, most(whole, "pwrite64") + 1, 2))


@traced
def test_a_failed_fsync_ends_the_writer_at_once(tmp_path):
    """At whichever fsync, a commit's or the checkpoint's: no acknowledgement and no write after."""
    whole = live(begun(tmp_path / "whole"), "fdatasync,fsync:error=EIO:when=9999")
    assert whole.acknowledged == 4 * DECISION
    syncs = most(whole, "fdatasync")
    assert syncs > 5, "three commits, and two of the checkpoint"

    def trial(call: int) -> None:
        directory = begun(tmp_path / f"sync-{call}")
        life = live(directory, f"fdatasync,fsync:error=EIO:when={call}")
        assert life.code == 1
        assert life.said[-2] == "broken disk I/O error"
        failed = next(n for n, line in enumerate(life.calls) if "INJECTED" in line)
        assert not [line for line in life.calls[failed + 1 :] if "(" in line]
        assert (directory / "log-wal").stat().st_size > 0, "the next life finds the WAL"
        intact(directory, life.acknowledged)

    sweep(trial, range(1, syncs + 1))


@traced
def test_a_failed_fsync_in_the_midst_of_life_ends_the_writer_too(tmp_path):
    """Only a checkpoint syncs the log's own file, and the first one comes amid the appending."""
    directory = begun(tmp_path / "log")
    life = live(directory, "fdatasync:error=EIO:when=1", files=("log",), arguments="600")
    assert life.code == 1
    assert life.said[-2] == "broken disk I/O error"
    assert 3 * DECISION < life.acknowledged < 600 * DECISION
    intact(directory, life.acknowledged)


@traced
def test_a_life_after_a_failed_fsync_puts_what_it_read_on_the_disk_before_all_else(tmp_path):
    """What an earlier life could not sync is readable, and may be nowhere but in memory."""
    directory = begun(tmp_path / "log")
    life = live(directory, "fdatasync:error=EIO:when=3", files=("log-wal",))
    assert life.code == 1
    second = live(directory, "fdatasync:error=EIO:when=1", files=("log",))
    assert second.code == 1
    assert second.acknowledged == 0
    assert "cannot be written (disk I/O error)" in second.complaint
    third = live(directory, "fdatasync:error=EIO:when=99")
    assert third.code == 0
    syncs = [n for n, line in enumerate(third.calls) if "fdatasync" in line]
    assert [n for n, line in enumerate(third.calls[: syncs[1]]) if "pwrite64" in line]
    intact(directory, third.acknowledged)


@traced
@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (("log-wal",), "pwrite64:error=ENOSPC:when=1..2"),
        (("log-wal",), "pwrite64:error=ENOSPC:when=4..6"),
        (("log-wal",), "pwrite64:error=ENOSPC:when=12"),
    ],
)
def test_a_disk_without_room_for_a_while_delays_and_loses_nothing(tmp_path, files, fault):
    directory = begun(tmp_path / "log")
    life = live(directory, fault, files=files)
    assert life.code == 0
    assert [word for word in life.said if word.isalpha()] == ["starved", "fed"]
    assert [word for word in life.said if word.isdecimal()] == ["6", "9", "12"]
    assert intact(directory, 12) == 12


@traced
def test_a_checkpoint_without_room_is_put_off(tmp_path):
    directory = begun(tmp_path / "log")
    life = live(directory, "pwrite64:error=ENOSPC:when=1..9", files=("log",))
    assert life.code == 0
    assert intact(directory, 12) == 12


@traced
def test_a_wal_whose_index_has_no_room_to_grow_waits_like_any_other(tmp_path):
    """It grows with the WAL's 4,063rd page; SQLite reports that as an error of its own."""
    directory = begun(tmp_path / "log")
    with closing(open_for_reading(directory / "log")):  # so that the first pages are there already
        life = live(
            directory,
            "pwrite64:error=ENOSPC:when=1..2",
            files=("log-shm",),
            arguments="1 350001",
        )
    assert life.code == 0, life
    assert [word for word in life.said if word.isalpha()] == ["starved", "fed"]
    assert intact(directory, 350_004) == 350_004


@traced
def test_a_log_that_cannot_be_made_is_refused_with_a_sentence(tmp_path):
    life = live(tmp_path, "pwrite64:error=ENOSPC")
    assert life.code == 1
    assert LogUnusable.__name__ in life.complaint
    assert "cannot be opened" in life.complaint
