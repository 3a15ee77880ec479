"""Is every fault of a log found and named, also against what was noted elsewhere?"""

import hashlib
import os
import shutil
import sqlite3
import struct
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import audit as audits
from events import chain, pages, verify, wal
from events.audit import Audit, Noted, audit
from events.codec import Row
from events.log import SqliteLog
from events.pages import Events
from events.reading import LogUnusable, Reader, open_for_reading
from events.verify import Kind
from tests.events.listening import Heard
from tests.events.logs import BLOCK, INSERT, note, tamper, write
from tests.events.samples import rows

pytestmark = pytest.mark.requirement("X5")

MANY = [rows(first, first + 9) for first in range(1, 500, 10)]
integers = st.integers(-(2**63), 2**63 - 1)


def found(directory: Path, *noted: Noted, processes: int = 1) -> Audit:
    return audit(directory / "log", noted, processes)


def head(seq: int, block: bytes) -> Noted:
    return Noted(seq=seq, hash=block.hex(), where="a sheet of paper")


@pytest.fixture
def log(tmp_path):
    """Events 1 to 9 in three blocks of three, and the hashes of these."""
    return tmp_path, write(tmp_path, [rows(1, 3), rows(4, 6), rows(7, 9)])


def loosely(directory: Path, block: list[Row]) -> bytes:
    """A log whose tables take anything, as a damaged page of a strict one may hold it."""
    hash_ = chain.link(chain.GENESIS, block)
    with closing(sqlite3.connect(directory / "log")) as loose, loose:
        loose.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, at, subject, body)")
        loose.execute("CREATE INDEX event_subject ON event (subject)")
        loose.execute("CREATE TABLE block (last INTEGER PRIMARY KEY, first, hash)")
        for row in block:
            loose.execute("INSERT INTO event VALUES (?, ?, ?, CAST(? AS TEXT))", row)
        loose.execute("INSERT INTO block VALUES (?, 1, ?)", (len(block), hash_))
    return hash_


# -- the chain ------------------------------------------------------------------------------------


@given(st.lists(st.tuples(integers, integers, integers, st.binary()), max_size=5), st.binary())
def test_a_block_is_hashed_over_its_lines_byte_for_byte(block, previous):
    """The form is for ever; this says it a second time, in another way."""
    lines = [b"\t".join([repr(n).encode() for n in row[:3]] + [row[3]]) + b"\n" for row in block]
    whole = hashlib.sha256(previous + b"".join(lines)).digest()
    assert chain.link(previous, block) == whole


@given(st.lists(st.tuples(integers, integers, st.binary(max_size=40)), min_size=1, max_size=40))
@settings(deadline=None)
def test_whatever_bytes_lie_in_a_body_are_read_as_they_are(values):
    """Also NUL and what is no UTF-8: SQLite keeps what it is given, and so does a page."""
    block = [(seq, *value) for seq, value in enumerate(values, 1)]
    with tempfile.TemporaryDirectory() as name:
        hash_ = loosely(Path(name), block)
        with closing(open_for_reading(Path(name) / "log")) as log:
            assert [*verify.blocks(log)] == [(len(block), hash_, block)]


@given(st.lists(st.integers(1, 7), min_size=1, max_size=60), st.integers(2, 20))
@settings(deadline=None)
def test_pages_and_blocks_may_divide_a_log_in_any_way(sizes, page):
    blocks, first = [], 1
    for size in sizes:
        blocks.append(rows(first, first + size - 1))
        first += size
    before, pages.PAGE_ROWS = pages.PAGE_ROWS, page
    try:
        with tempfile.TemporaryDirectory() as name:
            hashes = write(Path(name), blocks)
            with closing(open_for_reading(Path(name) / "log")) as log:
                whole = [*verify.blocks(log)]
                assert whole == [
                    (block[-1][0], hash_, block)
                    for block, hash_ in zip(blocks, hashes, strict=True)
                ]
                for after, (last, _, _) in enumerate(whole, 1):
                    assert [*verify.blocks(log, after=last)] == whole[after:]
                    assert [*verify.blocks(log, upto=last)] == whole[:after]
                events = Events(log, 0)
                assert [row for each in sizes for row in events.take(each)] == rows(1, first - 1)
                assert events.take(1) == []
    finally:
        pages.PAGE_ROWS = before


# -- single bits ----------------------------------------------------------------------------------


def everything(path: Path) -> object:
    """All that the log says, to whoever reads it; what SQLite makes of it where it cannot."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as log:
            log.text_factory = bytes
            kinds = "typeof(at), typeof(subject), typeof(body)"
            statements = (
                f"SELECT seq, at, subject, body, {kinds} FROM event NOT INDEXED",
                "SELECT last, first, hash, typeof(first), typeof(hash) FROM block NOT INDEXED",
            )
            return [log.execute(statement).fetchall() for statement in statements]
    except sqlite3.Error as error:
        return str(error)


@pytest.fixture(scope="module")
def small():
    """A log whose every bit can be tried, and where on the disk its rows lie."""
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), [rows(1, 2), rows(3, 4)])
        path = Path(name) / "log"
        data = path.read_bytes()
        yield data, everything(path), (Path(name) / "log.mark").read_bytes()


def bits(data: bytes) -> list[int]:
    """The bits of all pages that hold rows of events and blocks, but for bytes that are unused."""
    pages_ = [data[start : start + 4096] for start in range(0, len(data), 4096)]
    return [
        (number * 4096 + place) * 8 + bit
        for number, page in enumerate(pages_)
        if b"daemon-started" in page or (page[:1] == b"\x0d" and number)
        for place, byte in enumerate(page)
        if byte
        for bit in range(8)
    ]


def test_there_are_bits_to_flip(small):
    assert len(bits(small[0])) > 2000


def test_a_flipped_bit_is_found_unless_it_changes_nothing_that_is_read(small, tmp_path):
    """Every single one, in rows, their headers, and the pages around them."""
    whole, before, marked = small
    path = tmp_path / "log"
    (tmp_path / "log.mark").write_bytes(marked)
    for bit in bits(whole):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            found_ = audit(path, []).finding is not None
        except LogUnusable:
            found_ = True
        assert found_ or everything(path) == before, bit


SUBJECTS = range(7)


def by_subject(path: Path) -> object:
    """What is found of each subject, as `rounds explain` and others look for it."""
    with closing(Reader(path)) as reader:
        try:
            return [[each.seq for each in reader.read(0, subject=one, limit=5000)]
                    for one in SUBJECTS]  # fmt: skip
        except sqlite3.Error as error:
            return str(error)


def index_pages(path: Path) -> list[int]:
    """The index's pages, its root first."""
    with closing(sqlite3.connect(path)) as log:
        [root] = log.execute("SELECT rootpage FROM sqlite_master WHERE name = 'event_subject'")
    data, [number] = path.read_bytes(), root
    first = (number - 1) * 4096
    if data[first] == 0x0A:  # a leaf
        return [number]
    cells = [struct.unpack_from(">H", data, first + 12 + 2 * n)[0]
             for n in range(struct.unpack_from(">H", data, first + 3)[0])]  # fmt: skip
    return [number, *(struct.unpack_from(">I", data, first + cell)[0] for cell in cells)]


@pytest.mark.parametrize("size, step", [(40, 1), (1500, 599)])
def test_a_flipped_bit_of_the_index_is_found_unless_it_changes_no_answer(tmp_path, size, step):
    """Of one page every bit, of several some of each."""
    block = [(seq, at, seq % 7, body) for seq, at, _, body in rows(1, size)]
    write(tmp_path, [block])
    path = tmp_path / "log"
    whole, before = path.read_bytes(), by_subject(path)
    pages_ = index_pages(path)
    assert (len(pages_) > 1) == (size > 40)
    for page in pages_:
        first = (page - 1) * 4096 * 8
        bits_ = [bit for bit in range(first, first + 4096 * 8) if whole[bit // 8]]
        for bit in bits_[:: step if page != pages_[0] else max(1, step // 20)]:
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            finding = audit(path, []).finding
            if finding is None:
                assert by_subject(path) == before, bit
            else:
                assert (finding.kind, finding.good) == (Kind.DAMAGED_INDEX, size)


@pytest.mark.parametrize("page", [3, pages.PAGE_ROWS])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET at = at + 0.5 WHERE seq = 5",
        "UPDATE event SET subject = 0.5 WHERE seq = 5",
        "UPDATE event SET subject = x'30' WHERE seq = 5",
        "UPDATE event SET body = CAST(body AS BLOB) WHERE seq = 5",
        "UPDATE event SET at = CAST(at AS TEXT) WHERE seq = 5",
        "UPDATE event SET at = at + 0.0 WHERE seq = 5",
        "UPDATE event SET subject = NULL WHERE seq = 5",
        "UPDATE event SET body = NULL WHERE seq = 5",
    ],
)
def test_a_value_of_another_type_is_a_change(tmp_path, change, monkeypatch, page):
    """SQLite would not let anybody write it into such a table; a damaged page holds what it may."""
    monkeypatch.setattr(pages, "PAGE_ROWS", page)
    loosely(tmp_path, rows(1, 9))
    assert found(tmp_path).finding is None
    tamper(tmp_path, change)
    finding = found(tmp_path).finding
    assert finding is not None
    assert finding.kind is Kind.CHANGED


# -- what is named how ----------------------------------------------------------------------------

FAULTS = {
    "flipped": ("UPDATE event SET at = at + 1 WHERE seq = 5", Kind.CHANGED, 3),
    "missing event": ("DELETE FROM event WHERE seq = 5", Kind.MISSING_EVENT, 3),
    "missing block": ("DELETE FROM block WHERE last = 6", Kind.MISSING_BLOCK, 3),
    "an event more": (
        "INSERT INTO event (seq, at, subject, body) VALUES (10, 0, 0, '{}')", Kind.UNACCOUNTED, 9,
    ),
    "an event before": (
        "INSERT INTO event (seq, at, subject, body) VALUES (-3, 0, 0, '{}')", Kind.UNACCOUNTED, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_its_name_and_the_last_good_event(log, fault):
    directory, _ = log
    statement, kind, good = FAULTS[fault]
    tamper(directory, statement)
    made = found(directory)
    assert made.finding is not None
    assert (made.finding.kind, made.good) == (kind, good)
    assert (made.good_at is None) == (good == 0)


def test_a_sound_log_says_how_many_heads_agree(log):
    directory, hashes = log
    made = found(directory, head(3, hashes[0]), head(9, hashes[2]))
    assert (made.finding, made.confirmed, made.good, made.events) == (None, 2, 9, 9)


def test_a_log_that_lost_its_end_is_behind_its_mark(log):
    directory, hashes = log
    tamper(directory, "DELETE FROM event WHERE seq > 6", "DELETE FROM block WHERE last > 6")
    made = found(directory, head(6, hashes[1]))
    assert made.finding is not None
    assert made.finding.kind is Kind.TRUNCATED
    assert "events 7 to 9 were written once and are gone" in made.finding.sentence
    assert (made.good, made.confirmed) == (6, 1)


@pytest.mark.parametrize(
    "harm", ["a bit", "a letter", "shorter", "longer", "a directory", "not a number"]
)
def test_a_damaged_mark_is_told_from_none(log, harm):
    directory, hashes = log
    file = directory / "log.mark"
    whole = file.read_bytes()
    file.unlink()
    if harm == "a directory":
        file.mkdir()
    else:
        file.write_bytes({
            "a bit": bytes([whole[0] ^ 0x40]) + whole[1:],
            "a letter": whole[:30] + "\u00e9".encode()[:1] + whole[31:],
            "shorter": whole[:-5],
            "longer": whole + b"\n",
            "not a number": b"+" + whole[1:],
        }[harm])  # fmt: skip
    made = found(directory)
    assert made.finding is not None
    assert (made.finding.kind, made.good, made.marked) == (Kind.DAMAGED_MARK, 9, None)
    assert "cannot be told" in made.finding.sentence
    later = found(directory, head(12, hashes[0]))
    assert later.finding is not None
    assert later.finding.kind is Kind.OLD_COPY
    assert "log.mark is damaged, and the log ends" in later.finding.sentence


@pytest.mark.parametrize("text", [None, b"", bytes(86)])
def test_that_there_is_no_mark_is_no_fault_and_is_said(log, text):
    """None was made, or a power cut left its space alone."""
    directory, _ = log
    assert found(directory).marked == 9
    (directory / "log.mark").unlink()
    if text is not None:
        (directory / "log.mark").write_bytes(text)
    made = found(directory)
    assert (made.finding, made.marked) == (None, None)


def test_one_event_that_is_gone_is_one():
    assert verify.gone(9, 9) == "event 9 was written once and is gone"
    assert verify.gone(7, 9) == "events 7 to 9 were written once and are gone"


@pytest.mark.parametrize("marked", [True, False])
def test_an_older_copy_with_its_mark_is_behind_what_was_noted_elsewhere(log, marked):
    directory, hashes = log
    tamper(directory, "DELETE FROM event WHERE seq > 6", "DELETE FROM block WHERE last > 6")
    note(directory, 6, hashes[1])
    if not marked:
        (directory / "log.mark").unlink()
    assert found(directory).finding is None
    made = found(directory, head(9, hashes[2]), head(3, hashes[0]))
    assert made.finding is not None
    assert made.finding.kind is Kind.OLD_COPY
    assert "an older copy was restored" in made.finding.sentence
    assert "a sheet of paper" in made.finding.sentence
    assert ("no log.mark" in made.finding.sentence) == (not marked)
    assert (made.good, made.confirmed) == (6, 1)


def test_a_suffix_that_was_written_anew_is_told_from_the_part_before_it(log, tmp_path_factory):
    _, hashes = log
    other = tmp_path_factory.mktemp("rewritten")
    write(other, [rows(1, 3), rows(4, 6), rows(7, 8) + rows(9, 9, subject=7)])
    assert found(other).finding is None
    made = found(other, *[head(3 * n, hash_) for n, hash_ in enumerate(hashes, 1)])
    assert made.finding is not None
    assert made.finding.kind is Kind.REWRITTEN
    assert (made.good, made.confirmed) == (6, 2)


def test_a_rewritten_log_is_not_its_marks(log, tmp_path_factory):
    directory, _ = log
    other = tmp_path_factory.mktemp("rewritten")
    write(other, [rows(1, 9)], marked=False)
    shutil.copy(directory / "log.mark", other)
    made = found(other)
    assert made.finding is not None
    assert made.finding.kind is Kind.REWRITTEN
    assert "log.mark" in made.finding.sentence
    assert made.good == 0


def append(directory: Path, previous: bytes, block: list[Row]) -> bytes:
    """What a running daemon does: commit a block, then note it."""
    hash_ = chain.link(previous, block)
    with closing(sqlite3.connect(directory / "log", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.executemany(INSERT, block)
        writer.execute(BLOCK, (block[0][0], block[-1][0], hash_))
        writer.execute("COMMIT")
    note(directory, block[-1][0], hash_)
    return hash_


def test_what_is_appended_while_it_is_audited_is_not_missing(log):
    directory, hashes = log
    last = [(10, hashes[-1])]

    def busy(_: int) -> None:
        first, hash_ = last[-1]
        last.append((first + 2, append(directory, hash_, rows(first, first + 1))))

    made = audit(directory / "log", [], 1, busy)
    assert (made.finding, made.events) == (None, 9)
    assert len(last) == 4
    assert found(directory).events == 15


def test_rows_that_a_damaged_page_hides_are_counted(log):
    directory, _ = log
    with closing(open_for_reading(directory / "log")) as connection:
        verify.count(connection)
    tamper(directory, "DELETE FROM block WHERE last > 6")
    with (
        closing(open_for_reading(directory / "log")) as connection,
        pytest.raises(verify.Broken, match="holds 9 events where its blocks name 6"),
    ):
        verify.count(connection)


# -- a torn tail ----------------------------------------------------------------------------------


@pytest.fixture
def torn(tmp_path):
    """A copy of a log's files as a power cut leaves them: its last commits stand in its WAL."""
    alive, dead = tmp_path / "alive", tmp_path / "dead"
    alive.mkdir()
    with closing(SqliteLog(alive)) as log:
        assert [*log.replay()] == []
        heard = Heard()
        log.start(heard)
        for first in (1, 4, 7):
            log.append(rows(first, first + 2))
            log.hurry()
            heard.wait_for_event(first + 2)
        shutil.copytree(alive, dead, ignore=shutil.ignore_patterns("log-shm", "ballast"))
    return dead


def last_frame(data: bytes) -> int:
    """Where the last frame of the WAL's present round ends; older ones may stand behind it."""
    _, _, size, _, *salts, _, _ = wal.HEADER.unpack_from(data)
    end = wal.HEADER.size
    while end < len(data) and [*wal.FRAME.unpack_from(data, end)[2:4]] == salts:
        end += wal.FRAME.size + size
    return end


def test_a_whole_wal_is_not_torn(torn):
    assert wal.torn(torn / "log") is None
    assert found(torn).good == 9


@pytest.mark.parametrize("harm", ["a bit", "the end"])
def test_a_torn_tail_is_told_from_one_that_was_cut_off(torn, harm):
    file = torn / "log-wal"
    data = bytearray(file.read_bytes())
    end = last_frame(data)
    data[end - 100] ^= harm == "a bit"
    file.write_bytes(data if harm == "a bit" else data[: end - 100])
    assert wal.torn(torn / "log") is not None
    made = found(torn)
    assert made.finding is not None
    assert made.finding.kind is Kind.TORN
    assert "log-wal is damaged from its frame" in made.finding.sentence
    assert made.good == 6


def test_a_wal_that_is_written_while_it_is_read_is_not_called_torn(torn, monkeypatch):
    file = torn / "log-wal"
    data = bytearray(file.read_bytes())
    data[last_frame(data) - 100] ^= 1
    file.write_bytes(data)
    assert wal.torn(torn / "log") is not None
    read = Path.read_bytes

    def written(path: Path) -> bytes:
        found_ = read(path)
        with path.open("ab") as behind:
            behind.write(bytes(1))
        return found_

    monkeypatch.setattr(Path, "read_bytes", written)
    assert wal.torn(torn / "log") is None


def test_a_wal_that_is_gone_is_a_lost_tail(torn):
    (torn / "log-wal").unlink()
    tampered = found(torn) if (torn / "log").stat().st_size else None
    assert tampered is None or tampered.finding is not None
    assert wal.torn(torn / "log") is None


def test_what_is_no_wal_is_not_torn(tmp_path):
    assert wal.torn(tmp_path / "log") is None
    for data in (b"", b"short", os.urandom(4096)):
        (tmp_path / "log-wal").write_bytes(data)
        assert wal.torn(tmp_path / "log") is None


# -- many processes -------------------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path, monkeypatch):
    monkeypatch.setattr(audits, "PART_EVENTS", 50)
    write(tmp_path, MANY)
    return tmp_path


def test_parts_are_checked_by_several_processes_and_come_to_the_same(parts):
    told = []
    made = audit(parts / "log", [], 2, told.append)
    assert made == audit(parts / "log", [])
    assert (made.events, made.blocks, made.finding) == (500, 50, None)
    assert told == sorted(told)
    assert told[-1] == 500


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET at = at + 1 WHERE seq = 233",
        "DELETE FROM event WHERE seq = 233",
        "DELETE FROM block WHERE last = 230",
        "UPDATE block SET hash = zeroblob(32) WHERE last = 250",
        "DELETE FROM block WHERE last = 500",
        "INSERT INTO event (seq, at, subject, body) VALUES (0, 0, 0, '{}')",
        "DROP INDEX event_subject",
        "UPDATE block SET hash = (SELECT hash FROM block WHERE last = 240) WHERE last = 250",
    ],
)
def test_several_processes_find_what_one_finds(parts, change):
    tamper(parts, change)
    made = audit(parts / "log", [], 2)
    assert made == audit(parts / "log", [])
    assert made.finding is not None
