"""Does an export prove itself, and is every fault of one named?"""

import gzip
import itertools
import json
import tempfile
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import export, exported
from events.audit import Noted
from events.codec import encode
from events.export import Filter, Range
from events.exported import Found
from events.reading import open_for_reading
from events.verify import Broken, Kind
from tests.events.facts import groups
from tests.events.logs import tamper, write
from tests.events.samples import SOME_TIME, rows

pytestmark = [pytest.mark.requirement("X5"), pytest.mark.requirement("F3")]

BLOCKS = [rows(1, 3), rows(4, 6, subject=7), rows(7, 9)]


@pytest.fixture
def log(tmp_path):
    return tmp_path, write(tmp_path, BLOCKS)


def made(directory: Path, range_: Range, filter_: Filter | None = None, names=None) -> list[bytes]:
    with closing(open_for_reading(directory / "log")) as log:
        return [*export.lines(log, range_, filter_, names or {})]


def everything(directory: Path, filter_: Filter | None = None) -> list[bytes]:
    return made(directory, Range(after=0, last=9), filter_)


def check(lines: list[bytes], *noted: Noted, log: Path | None = None) -> Found:
    with ExitStack() as stack:
        beside = stack.enter_context(closing(open_for_reading(log / "log"))) if log else None
        return exported.check(iter(lines), noted, beside)


def fault(lines: list[bytes], *noted: Noted, log: Path | None = None) -> tuple[Kind, str]:
    found = check(lines, *noted, log=log).fault
    assert found is not None
    return found.kind, str(found)


@given(groups(most=8).filter(bool), st.data())
@settings(deadline=None)
def test_any_range_of_any_log_proves_itself(decisions, data):
    blocks = [[encode(recorded) for recorded in decision] for decision in decisions]
    ends = [0, *itertools.accumulate(map(len, blocks))]
    first = data.draw(st.integers(1, ends[-1]))
    last = data.draw(st.integers(first, ends[-1]))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        hashes = write(directory, blocks)
        with closing(open_for_reading(directory / "log")) as log:
            range_ = export.whole(log, first, last)
        assert range_ is not None
        assert range_.after in ends
        assert range_.last in ends
        assert range_.after < first <= last <= range_.last
        lines = made(directory, range_)
        found = check(lines, log=directory)
        assert found.fault is None
        assert (found.events, found.last) == (range_.last - range_.after, range_.last)
        assert found.hash == hashes[ends.index(range_.last) - 1].hex()
        events = [msgspec.json.decode(line, type=export.EventLine) for line in lines[1:]
                  if line.startswith(b'{"seq"')]  # fmt: skip
        told = [(each.seq, each.at, each.subject, bytes(each.event)) for each in events]
        assert told == [row for block in blocks for row in block
                        if range_.after < row[0] <= range_.last]  # fmt: skip


def test_a_line_is_json_whose_event_can_be_read_at_once(log):
    directory, hashes = log
    header, first, *_, last = map(json.loads, everything(directory))
    assert header["filter"] is None
    assert first["event"] == {"type": "daemon-started", "version": "1"}
    assert last == {"first": 7, "last": 9, "hash": hashes[2].hex(), "left_out": 0}


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_a_flipped_bit_of_an_export_is_found(data):
    with tempfile.TemporaryDirectory() as name:
        hashes = write(Path(name), BLOCKS)
        whole = b"".join(everything(Path(name)))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    lines = bytes(flipped).splitlines(keepends=True)
    head = Noted(seq=9, hash=hashes[2].hex(), where="paper")
    try:
        found = check(lines, head)
    except Broken:
        return
    assert found.fault is not None


FAULTS = {
    "cut off in a line": (
        lambda lines: [*lines[:-3], lines[-3][:20]],
        Kind.TRUNCATED, "cut off in the middle of line 11", 6,
    ),
    "cut off between lines": (
        lambda lines: lines[:-4], Kind.TRUNCATED, "its last whole block ends at event 6", 6,
    ),
    "only a header": (lambda lines: lines[:1], Kind.TRUNCATED, "ends at event 0", 0),
    "changed event": (
        lambda lines: [line.replace(b'"version":"1"', b'"version":"2"') if b'"seq":5' in line
                       else line for line in lines],
        Kind.CHANGED, "the block of events 4 to 6 is not what was written", 3,
    ),
    "changed hash": (
        lambda lines: [line.replace(b'"hash":"', b'"hash":"0')[:-4] + b"}\n"
                       if b'"first":4' in line else line for line in lines],
        Kind.CHANGED, "line 9 was changed", 3,
    ),
    "no line of ours": (
        lambda lines: [*lines[:6], b"hello\n", *lines[6:]],
        Kind.CHANGED, "line 7 was changed", 3,
    ),
    "another event beside": (
        lambda lines: [line.replace(b'"subject"', b'"event":{"type":"forged"},"subject"')
                       if b'"seq":5' in line else line for line in lines],
        Kind.CHANGED, "line 7 was changed: it is not as `rounds log export` writes it", 3,
    ),
    "another number beside": (
        lambda lines: [line.replace(b'"first":4,', b'"first":9,"first":4,') for line in lines],
        Kind.CHANGED, "line 9 was changed", 3,
    ),
    "line ends of another system": (
        lambda lines: [lines[0], *(line.replace(b"\n", b"\r\n") for line in lines[1:])],
        Kind.CHANGED, "were the ends of lines converted?", 0,
    ),
    "room for more": (
        lambda lines: [line.replace(b'"first":4,', b'"first":4, ') for line in lines],
        Kind.CHANGED, "line 9 was changed", 3,
    ),
    "swapped events": (
        lambda lines: [*lines[:6], lines[7], lines[6], *lines[8:]],
        Kind.REORDERED, "line 7 comes where event 5 was due", 3,
    ),
    "doubled event": (
        lambda lines: [*lines[:7], lines[6], *lines[7:]],
        Kind.REORDERED, "line 8 comes where event 6 was due", 3,
    ),
    "missing event": (
        lambda lines: [*lines[:6], *lines[7:]], Kind.MISSING_EVENT, "event 5 is missing", 3,
    ),
    "missing last event of a block": (
        lambda lines: [*lines[:7], *lines[8:]], Kind.MISSING_EVENT, "event 6 is missing", 3,
    ),
    "missing block line": (
        lambda lines: [*lines[:8], *lines[9:]],
        Kind.MISSING_BLOCK, "the block that begins with event 4 is missing", 3,
    ),
    "missing block": (
        lambda lines: [*lines[:5], *lines[9:]], Kind.MISSING_EVENT, "event 4 is missing", 3,
    ),
    "swapped blocks": (
        lambda lines: [*lines[:5], *lines[9:], *lines[5:9]],
        Kind.REORDERED, "line 6 comes where event 4 was due", 3,
    ),
    "more behind the end": (
        lambda lines: [*lines, lines[-1]], Kind.UNACCOUNTED, "line 14 stands behind the end", 9,
    ),
    "another hash before": (
        lambda lines: [lines[0].replace(b'"first":1', b'"first":2'), *lines[1:]],
        Kind.REORDERED, "line 2 comes where event 2 was due", 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_an_export_has_its_name(log, name):
    harm, kind, sentence, good = FAULTS[name]
    found = check(harm(everything(log[0])))
    assert found.fault is not None
    assert sentence in str(found.fault)
    assert (found.fault.kind, found.last) == (kind, good)


@pytest.mark.parametrize(
    "harm, sentence",
    [
        (lambda whole: b"", "not the header"),
        (lambda whole: b"dear diary\n", "not the header"),
        (lambda whole: whole.partition(b"\n")[2], "not the header"),
        (gzip.compress, "decompress it first"),
        (lambda whole: whole.replace(b"\n", b"\r\n"), "were the ends of lines converted"),
        (
            lambda whole: whole.replace(b'"last":9', b'"last":8,"last":9', 1),
            "its header was changed",
        ),
        (lambda whole: whole.replace(b'"version":1', b'"version":2', 1), "the version that made"),
        (lambda whole: whole.replace(b'"last":9', b'"last":0', 1), "names no range"),
        (lambda whole: whole.replace(b'"last":9', b'"last":' + b"9" * 19, 1), "names no range"),
        (lambda whole: whole.replace(b'"previous":"0', b'"previous":"1', 1), "before event 1"),
        (lambda whole: whole.replace(b'"previous":"00', b'"previous":"', 1), "names no range"),
    ],
)
def test_what_is_no_export_is_refused_with_a_sentence(log, harm, sentence):
    lines = harm(b"".join(everything(log[0]))).splitlines(keepends=True)
    with pytest.raises(Broken, match=sentence):
        check(lines)


def test_a_line_without_an_end_is_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "LINE_BYTES_MAX", 10)
    (tmp_path / "file").write_bytes(b"x" * 25)
    with (tmp_path / "file").open("rb") as file:
        assert [*exported.lines(file)] == [b"x" * 10, b"x" * 10, b"x" * 5]


# -- heads ----------------------------------------------------------------------------------------


def test_heads_vouch_for_an_export(log):
    directory, hashes = log
    lines = made(directory, Range(after=3, last=9))
    heads = [Noted(seq=3 * n, hash=hash_.hex(), where="paper") for n, hash_ in enumerate(hashes, 1)]
    assert check(lines, *heads).confirmed == 2
    wrong = Noted(seq=6, hash="0" * 64, where="paper")
    assert fault(lines, wrong)[0] is Kind.REWRITTEN
    assert "no block ends at event 5" in fault(lines, Noted(seq=5, hash="0" * 64, where="paper"))[1]


# -- filters --------------------------------------------------------------------------------------


def test_what_is_left_out_is_counted_and_what_is_there_is_proven_by_the_log(log):
    directory, _ = log
    lines = everything(directory, Filter(subjects=[7], first=5))
    found = check(lines)
    assert (found.fault, found.events, found.left_out, found.blocks) == (None, 2, 7, 3)
    assert check(lines, log=directory).fault is None
    changed = [line.replace(b'"version":"1"', b'"version":"2"') for line in lines]
    assert check(changed).fault is None  # the file alone cannot know
    assert fault(changed, log=directory) == (Kind.CHANGED, "event 5 is not what the log holds")


def test_what_was_asked_for_and_taken_out_is_missed_against_the_log(log):
    directory, _ = log
    lines = everything(directory, Filter(types=["daemon-started"]))
    assert check(lines, log=directory).fault is None
    lines.pop(6)
    assert fault(lines)[0] is Kind.MISSING_EVENT
    lines[7] = lines[7].replace(b'"left_out":0', b'"left_out":1')
    assert check(lines).fault is None
    kind, sentence = fault(lines, log=directory)
    assert kind is Kind.MISSING_EVENT
    assert sentence == "event 5 is asked for and in the log, and not here"


def test_types_and_numbers_pass_or_not(log):
    directory, _ = log
    assert check(everything(directory, Filter(types=["sync-failed"]))).events == 0
    assert check(everything(directory, Filter(first=2, last=4))).events == 3


def test_an_export_of_another_log_is_not_this_ones(log, tmp_path_factory):
    directory, _ = log
    other = tmp_path_factory.mktemp("other")
    write(other, [rows(1, 3), rows(4, 6)])
    lines = everything(directory)
    assert fault(lines, log=other) == (Kind.CHANGED, "event 4 is not what the log holds")
    short = tmp_path_factory.mktemp("short")
    write(short, BLOCKS[:2])
    assert fault(lines, log=short) == (Kind.TRUNCATED, "the log ends before event 9")
    coarse = tmp_path_factory.mktemp("coarse")
    write(coarse, [BLOCKS[0], BLOCKS[1] + BLOCKS[2]])
    assert "events 4 to 6 is not the log's" in fault(lines, log=coarse)[1]
    tamper(other, "UPDATE event SET at = 0 WHERE seq = 2")
    assert "the log that it is compared with" in fault(lines, log=other)[1]


def test_names_stand_beside_what_is_hashed(log):
    directory, _ = log
    lines = made(directory, Range(after=0, last=9), names={7: "acme/oura"})
    assert sum(b'"name":"acme/oura"' in line for line in lines) == 3
    assert check(lines, log=directory).fault is None
    assert check([line.replace(b"acme", b"evil") for line in lines], log=directory).fault is None


# -- ranges ---------------------------------------------------------------------------------------


def test_moments_become_numbers(log):
    with closing(open_for_reading(log[0] / "log")) as connection:
        at = SOME_TIME + timedelta(seconds=5)
        assert export.bound(connection, at, first=True) == 5
        assert export.bound(connection, at, first=False) == 5
        assert export.bound(connection, at + timedelta(microseconds=1), first=True) == 6
        assert export.bound(connection, SOME_TIME, first=False) == 0
        assert export.bound(connection, SOME_TIME + timedelta(days=1), first=True) == 0
        assert export.bound(connection, 4, first=True) == 4
        assert export.whole(connection, 5, 5) == Range(after=3, last=6)
        assert export.whole(connection, 5, None) == Range(after=3, last=9)
        assert export.whole(connection, 5, 100) == Range(after=3, last=9)
        assert export.whole(connection, 10, None) is None
        assert export.whole(connection, 5, 4) is None


def test_a_damaged_log_is_not_exported_as_if_it_were_whole(log):
    directory, _ = log
    tamper(directory, "UPDATE event SET at = at + 1 WHERE seq = 5")
    with pytest.raises(Broken, match="events 4 to 6"):
        everything(directory)
