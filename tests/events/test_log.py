import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings

from events import chain, mark
from events.chain import GENESIS
from events.codec import Row, UnreadableEvent, encode
from events.database import open_for_writing
from events.envelope import Recorded
from events.log import SqliteLog
from events.reading import LogUnusable, open_for_reading
from events.verify import Verdict, read_mark, verify
from events.writer import BATCH_ROWS, Writer
from tests.events.facts import groups
from tests.events.listening import Heard
from tests.events.samples import rows, started

ELSEWHERE = "noted elsewhere"


@contextmanager
def running(directory: Path):
    """A log that was replayed and started, with what its writer told."""
    with closing(SqliteLog(directory)) as log:
        for _ in log.replay():
            pass
        heard = Heard()
        log.start(heard)
        yield log, heard


def append(directory: Path, *decisions: Sequence[Row]) -> Heard:
    """Append each decision after the one before it is durable, so that each has its own block."""
    with running(directory) as (log, heard):
        for decision in decisions:
            log.append(decision)
            heard.wait_for_event(decision[-1][0])
    return heard


def replayed(directory: Path) -> list[Recorded]:
    with closing(SqliteLog(directory)) as log:
        return list(log.replay())


def verdict(directory: Path, noted: mark.Mark | None = None) -> Verdict:
    with closing(open_for_reading(directory / "log")) as connection:
        return list(verify(connection, noted or read_mark(directory)))[-1]


def tamper(directory: Path, *statements: str) -> None:
    with closing(sqlite3.connect(directory / "log")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def three_blocks(tmp_path):
    """Events 1 to 9 in three blocks of three."""
    append(tmp_path, rows(1, 3), rows(4, 6), rows(7, 9))
    return tmp_path


# -- writing and reading --------------------------------------------------------------------------


@given(groups())
@settings(deadline=None)
def test_what_is_written_is_read(decisions):
    """For any decisions handed in as fast as can be: same events, no gap, now and when reopened."""
    written = [recorded for decision in decisions for recorded in decision]
    with tempfile.TemporaryDirectory() as name:
        with running(Path(name)) as (log, heard):
            for decision in decisions:
                log.append([encode(recorded) for recorded in decision])
            heard.wait_for_event(len(written))
            assert log.read(0) == written
            for subject in range(4):
                of_subject = [recorded for recorded in written if recorded.subject == subject]
                assert log.read(0, subject=subject) == of_subject
                numbers = [each.seq for each in of_subject if 1 < each.seq < len(written)]
                for most in (1, 2, len(written)):
                    bounds = {"after": 1, "upto": len(written) - 1, "limit": most}
                    assert log.numbers(subject, **bounds, latest=False) == numbers[:most]
                    assert log.numbers(subject, **bounds, latest=True) == numbers[-most:]
                assert log.pick(numbers[::-1]) == [written[each - 1] for each in numbers]
        assert replayed(Path(name)) == written
        assert [recorded.seq for recorded in written] == list(range(1, len(written) + 1))


@pytest.mark.parametrize("end", ["hurry", "close"])
def test_what_nobody_waits_for_shares_a_commit_with_the_first_that_somebody_does(tmp_path, end):
    """However fast this machine is: it would linger for an hour."""
    heard = Heard()
    with closing(open_for_writing(tmp_path / "log")) as connection:
        writer = Writer(connection, tmp_path, 0, GENESIS, linger_s=3600)
        writer.start(heard)
        for seq in (1, 2, 3):
            writer.put(rows(seq, seq))
        assert heard.heads == {}
        if end == "hurry":
            writer.hurry()
            heard.wait_for_event(3)
        assert writer.finish()
    assert [*heard.heads] == [3]
    assert [each.seq for each in replayed(tmp_path)] == [1, 2, 3]


def test_nobody_lingers_over_a_whole_batch(tmp_path):
    heard = Heard()
    with closing(open_for_writing(tmp_path / "log")) as connection:
        writer = Writer(connection, tmp_path, 0, GENESIS, linger_s=3600)
        writer.start(heard)
        writer.put(rows(1, 1))
        writer.put(rows(2, BATCH_ROWS))
        heard.wait_for_event(BATCH_ROWS)
        assert writer.finish()


@given(groups())
@settings(deadline=None)
def test_a_decision_is_never_split_over_two_commits(decisions):
    with tempfile.TemporaryDirectory() as name:
        with running(Path(name)) as (log, _):
            for decision in decisions:
                log.append([encode(recorded) for recorded in decision])
        with closing(open_for_reading(Path(name) / "log")) as connection:
            lasts = {last for (last,) in connection.execute("SELECT last FROM block")}
        assert lasts <= {decision[-1].seq for decision in decisions}


def test_a_decision_larger_than_a_commit_usually_is_stays_whole(tmp_path):
    append(tmp_path, rows(1, 2), rows(3, 10_000))
    assert verdict(tmp_path) == Verdict(events=10_000, blocks=2, hash=verdict(tmp_path).hash)


def test_an_empty_decision_writes_nothing(tmp_path):
    append(tmp_path, rows(1, 1))
    with running(tmp_path) as (log, heard):
        log.append([])
        log.append(rows(2, 2))
        heard.wait_for_event(2)
    assert len(replayed(tmp_path)) == 2


def test_a_new_log_is_empty_and_sound(tmp_path):
    append(tmp_path)
    assert replayed(tmp_path) == []
    assert verdict(tmp_path) == Verdict(events=0, blocks=0, hash=chain.GENESIS.hex())


def test_a_read_is_bounded_and_goes_on_from_any_number(three_blocks):
    with closing(SqliteLog(three_blocks)) as log:
        assert [recorded.seq for recorded in log.read(2, limit=3)] == [3, 4, 5]
        assert [recorded.seq for recorded in log.read(9)] == []
        assert [recorded.seq for recorded in log.read(7, subject=0)] == [8, 9]
        assert log.read(0, subject=1) == []


def test_a_reopened_log_goes_on_where_it_stopped(three_blocks):
    append(three_blocks, rows(10, 11))
    assert [recorded.seq for recorded in replayed(three_blocks)] == list(range(1, 12))


def test_a_number_out_of_order_breaks_the_writer_and_is_not_written(three_blocks):
    with running(three_blocks) as (log, heard):
        log.append(rows(11, 11))
        heard.wait(lambda heard: heard.error is not None)
    assert "no gaps" in str(heard.error)
    assert len(replayed(three_blocks)) == 9


def test_closing_twice_is_harmless(tmp_path):
    with running(tmp_path) as (log, _):
        log.append(rows(1, 1))
        log.close()
    log.close()
    assert len(replayed(tmp_path)) == 1


def test_closing_writes_what_was_handed_in(tmp_path):
    with running(tmp_path) as (log, _):
        for seq in range(1, 200):
            log.append(rows(seq, seq))
    assert len(replayed(tmp_path)) == 199


def test_only_its_owner_can_read_a_log(three_blocks):
    for name in ("log", "log.mark"):
        assert (three_blocks / name).stat().st_mode & 0o077 == 0


def test_a_log_that_is_no_database_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "log").write_bytes(b"dear diary\n" * 1000)
    with pytest.raises(LogUnusable, match="cannot be opened"):
        SqliteLog(tmp_path)


def test_reading_a_log_that_is_not_there_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(LogUnusable, match="there is no log at"):
        open_for_reading(tmp_path / "log")


def test_an_event_of_a_newer_version_refuses_to_replay(tmp_path):
    append(tmp_path, rows(1, 1), [(2, 0, 0, b'{"type":"daemon-levitated"}')])
    with pytest.raises(UnreadableEvent, match=r"event 2 \(daemon-levitated\).*start that one"):
        replayed(tmp_path)
    assert verdict(tmp_path).fault is None


# -- tampering ------------------------------------------------------------------------------------


def rewrite(directory: Path, blocks: list[list[Row]]) -> None:
    """Replace the whole log by another one, whose chain is in order."""
    with closing(sqlite3.connect(directory / "log")) as connection, connection:
        connection.execute("DELETE FROM event")
        connection.execute("DELETE FROM block")
        previous = chain.GENESIS
        for block in blocks:
            previous = chain.link(previous, block)
            connection.executemany(
                "INSERT INTO event (seq, at, subject, body) VALUES (?, ?, ?, CAST(? AS TEXT))",
                block,
            )
            connection.execute(
                "INSERT INTO block (first, last, hash) VALUES (?, ?, ?)",
                (block[0][0], block[-1][0], previous),
            )


def flipped(directory: Path) -> None:
    """Flip one bit in the body of event 5, on the disk."""
    data = bytearray((directory / "log").read_bytes())
    body = encode(started(5, version="rotten"))[3]
    assert data.count(body) == 1
    data[data.index(body) + body.index(b"rotten")] ^= 1
    (directory / "log").write_bytes(data)


def not_text(directory: Path) -> None:
    """Flip the highest bit of a letter: what SQLite reads is no UTF-8 any more."""
    data = bytearray((directory / "log").read_bytes())
    data[data.index(b"rotten")] ^= 0x80
    (directory / "log").write_bytes(data)


FAULTS = {
    "flipped bit": (flipped, "the block of events 4 to 6 is not what was written"),
    "flipped high bit": (not_text, "the block of events 4 to 6 is not what was written"),
    "changed time": (
        lambda directory: tamper(directory, "UPDATE event SET at = at + 1 WHERE seq = 2"),
        "the block of events 1 to 3 is not what was written",
    ),
    "changed subject": (
        lambda directory: tamper(directory, "UPDATE event SET subject = 7 WHERE seq = 9"),
        "the block of events 7 to 9 is not what was written",
    ),
    "deleted event": (
        lambda directory: tamper(directory, "DELETE FROM event WHERE seq = 5"),
        "event 5 is missing",
    ),
    "deleted last event": (
        lambda directory: tamper(directory, "DELETE FROM event WHERE seq = 9"),
        "event 9 is missing",
    ),
    "deleted block": (
        lambda directory: tamper(directory, "DELETE FROM block WHERE last = 6"),
        "the block that follows event 3 is missing",
    ),
    "deleted last block": (
        lambda directory: tamper(directory, "DELETE FROM block WHERE last = 9"),
        "event 7 stands in no block",
    ),
    "deleted block with its events": (
        lambda directory: tamper(
            directory, "DELETE FROM event WHERE seq > 6", "DELETE FROM block WHERE last > 6"
        ),
        "events 7 to 9 were written once and are gone",
    ),
    "changed hash": (
        lambda directory: tamper(directory, "UPDATE block SET hash = zeroblob(32) WHERE last = 3"),
        "the block of events 1 to 3 is not what was written",
    ),
    "extra event": (
        lambda directory: tamper(
            directory, "INSERT INTO event (seq, at, subject, body) VALUES (10, 0, 0, '{}')"
        ),
        "event 10 stands in no block",
    ),
    "event before the first": (
        lambda directory: tamper(
            directory, "INSERT INTO event (seq, at, subject, body) VALUES (0, 0, 0, '{}')"
        ),
        "event 0 stands in no block",
    ),
    "block of nothing": (
        lambda directory: tamper(
            directory, "INSERT INTO block (first, last, hash) VALUES (1, 0, zeroblob(32))"
        ),
        "the block that follows event 0 is missing, or is another one",
    ),
    "everything deleted": (
        lambda directory: tamper(directory, "DELETE FROM event", "DELETE FROM block"),
        "events 1 to 9 were written once and are gone",
    ),
    "rewritten": (
        lambda directory: rewrite(
            directory, [rows(1, 3), rows(4, 6), rows(7, 8) + rows(9, 9, subject=7)]
        ),
        "the head noted for event 9 is another one: the log was rewritten",
    ),
    "rewritten and longer": (
        lambda directory: rewrite(directory, [rows(1, 6, subject=7), rows(7, 12)]),
        "no block ends at event 9, where a head was noted: the log was rewritten",
    ),
}


@pytest.fixture
def rotten(tmp_path):
    """Events 1 to 9 in three blocks of three; the fifth one's body stands nowhere else."""
    fifth = [encode(started(5, version="rotten"))]
    append(tmp_path, rows(1, 3), rows(4, 4) + fifth + rows(6, 6), rows(7, 9))
    return tmp_path


@pytest.mark.requirement("X5")
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_as_it_was_written_is_found_and_named(rotten, fault):
    do, sentence = FAULTS[fault]
    assert verdict(rotten).fault is None
    do(rotten)
    assert sentence in (verdict(rotten).fault or "")


@pytest.mark.requirement("X5")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_log_that_is_not_as_it_was_written_is_refused_and_left_alone(rotten, fault):
    do, sentence = FAULTS[fault]
    do(rotten)
    before = files(rotten)
    with pytest.raises(LogUnusable, match="nothing was changed") as refused:
        replayed(rotten)
    assert sentence in str(refused.value)
    assert files(rotten) == before


@pytest.mark.requirement("X5")
def test_a_page_that_sqlite_cannot_read_is_a_finding_too(tmp_path):
    append(tmp_path, rows(1, 1000), rows(1001, 2000))
    data = bytearray((tmp_path / "log").read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = bytes(4096)
    (tmp_path / "log").write_bytes(data)
    assert "SQLite cannot read it to the end" in (verdict(tmp_path).fault or "")
    with pytest.raises(LogUnusable, match=r"damaged.*nothing was changed"):
        replayed(tmp_path)


def test_a_file_that_lost_its_end_is_refused_with_a_sentence(three_blocks):
    with (three_blocks / "log").open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(LogUnusable, match="cannot be opened"):
        SqliteLog(three_blocks)


def files(directory: Path) -> dict[str, bytes]:
    """What holds the log, byte for byte; its shared memory is made anew by whoever opens it."""
    return {
        path.name: path.read_bytes()
        for path in directory.iterdir()
        if path.name != "log-shm" and path.stat().st_size
    }


@pytest.mark.requirement("X5")
def test_a_log_rewritten_together_with_its_mark_fails_against_a_head_noted_elsewhere(tmp_path):
    heard = append(tmp_path, rows(1, 3), rows(4, 6))
    noted = mark.Mark(6, heard.heads[6].hex())
    assert verdict(tmp_path, noted).fault is None
    rewrite(tmp_path, [rows(1, 3), rows(4, 6, subject=7)])
    (tmp_path / "log.mark").unlink()
    assert verdict(tmp_path).fault is None
    assert "the log was rewritten" in (verdict(tmp_path, noted).fault or "")


@pytest.mark.requirement("X5")
def test_a_head_noted_long_ago_still_vouches_for_what_came_before(tmp_path):
    heard = append(tmp_path, rows(1, 3), rows(4, 6), rows(7, 9))
    for seq in (3, 6, 9):
        assert verdict(tmp_path, mark.Mark(seq, heard.heads[seq].hex())).fault is None
    for seq in (2, 5):
        assert verdict(tmp_path, mark.Mark(seq, heard.heads[3].hex())).fault is not None


@pytest.mark.requirement("X5")
def test_verification_tells_how_far_it_has_come(three_blocks):
    with closing(open_for_reading(three_blocks / "log")) as connection:
        verdicts = list(verify(connection))
    assert [(verdict.events, verdict.blocks) for verdict in verdicts] == [(3, 1), (6, 2), (9, 3)]


@pytest.mark.requirement("X5")
def test_a_log_verifies_while_it_is_written(tmp_path):
    with running(tmp_path) as (log, heard):
        log.append(rows(1, 1))
        heard.wait_for_event(1)
        with closing(open_for_reading(tmp_path / "log")) as connection:
            verdicts = verify(connection, read_mark(tmp_path))
            assert next(verdicts).events == 1
            log.append(rows(2, 2))
            heard.wait_for_event(2)
            assert list(verdicts) == []
            assert list(verify(connection))[-1].events == 2


@pytest.mark.requirement("X5")
def test_an_auditor_recomputes_the_chain_with_nothing_of_ours(three_blocks):
    with closing(sqlite3.connect(three_blocks / "log")) as connection:
        head = bytes(32)
        for first, last, stored in connection.execute("SELECT first, last, hash FROM block"):
            lines = connection.execute(
                r"SELECT group_concat(seq || x'09' || at || x'09' || subject || x'09' || body"
                r" || x'0a', '') FROM (SELECT * FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq)",
                (first, last),
            ).fetchone()[0]
            head = hashlib.sha256(head + lines.encode()).digest()
            assert head == stored
        assert (three_blocks / "log.mark").read_text() == f"{9:020d} {head.hex()}\n"
        types = connection.execute("SELECT type, count(*) FROM event GROUP BY type").fetchall()
    assert types == [("daemon-started", 9)]


# -- a torn tail ----------------------------------------------------------------------------------


@pytest.fixture
def torn(tmp_path):
    """A copy of a running log's files, whose WAL then lost its last commits' bytes."""
    alive, dead = tmp_path / "alive", tmp_path / "dead"
    alive.mkdir()
    with running(alive) as (log, heard):
        for seq in range(1, 7):
            log.append(rows(seq, seq))
            heard.wait_for_event(seq)
        shutil.copytree(alive, dead, ignore=shutil.ignore_patterns("log-shm"))
    wal = dead / "log-wal"
    with wal.open("r+b") as file:
        file.truncate(wal.stat().st_size - 4096 * 4)
    return dead


@pytest.mark.requirement("X5")
def test_a_lost_tail_is_noticed_and_what_is_left_of_it_kept(torn):
    """SQLite would say nothing: it takes a torn WAL for one that ended there."""
    before = files(torn)
    sentence = r"lost its tail: events 5 to 6 were written once and are gone.*restore the whole"
    with pytest.raises(LogUnusable, match=sentence):
        replayed(torn)
    assert files(torn) == before
    assert verdict(torn).fault == "events 5 to 6 were written once and are gone"


def test_a_flipped_bit_in_the_wal_is_noticed(torn):
    """From there on SQLite drops everything, without a word."""
    wal = bytearray((torn / "log-wal").read_bytes())
    wal[len(wal) // 2] ^= 1
    (torn / "log-wal").write_bytes(wal)
    with pytest.raises(LogUnusable, match="lost its tail"):
        replayed(torn)


def test_a_mark_that_was_never_written_says_nothing(three_blocks):
    """A power cut may leave its space alone."""
    for text in ("", "\0" * mark.WIDTH):
        (three_blocks / "log.mark").write_text(text)
        assert read_mark(three_blocks) is None
    assert len(replayed(three_blocks)) == 9


@pytest.mark.parametrize("text", ["soon\n", "x" * mark.WIDTH, f"{9:020d} {'ab' * 31}\n"])
def test_a_damaged_mark_is_a_persons_to_judge(three_blocks, text):
    """The log may have lost its end, and the mark alone would say so: a start would write anew."""
    file = three_blocks / "log.mark"
    file.write_text(text)
    before = files(three_blocks)
    with pytest.raises(LogUnusable, match="nothing was changed: ask `rounds log verify --journal`"):
        replayed(three_blocks)
    assert files(three_blocks) == before
    file.unlink()
    assert len(replayed(three_blocks)) == 9
