import msgspec
import pytest
from hypothesis import given

from events.codec import UnreadableEvent, decode, encode, opening
from events.envelope import Recorded
from events.schema import DaemonStarted, SyncStarted
from tests.events.facts import GOLDEN, TAGS, facts, instants
from tests.events.samples import SOME_TIME, started

LINES = GOLDEN.read_bytes().splitlines()


def tag(line: bytes) -> str:
    return msgspec.json.decode(line)["type"]


NEWEST = list({tag(line): line for line in LINES}.values())


@pytest.mark.parametrize("line", LINES, ids=map(tag, LINES))
def test_what_was_written_once_is_read_with_every_value_it_had(line):
    """A line of the golden file changes by upcasting alone, never by an edit."""
    written = msgspec.json.decode(encode(decode((7, 1_000_001, 3, line)))[3])
    assert_holds(written, msgspec.json.decode(line))


@pytest.mark.parametrize("line", LINES, ids=map(tag, LINES))
def test_a_body_begins_with_its_tag(line):
    """So that a reader who wants some tags alone need not decode the others."""
    assert line.startswith(opening(tag(line)))
    written = encode(decode((7, 1_000_001, 3, line)))[3]
    assert written.startswith(opening(tag(line)))


def assert_holds(written, golden):
    """Fields that came later stand beside those there were."""
    if isinstance(golden, dict):
        assert golden.keys() <= written.keys()
        for name, value in golden.items():
            assert_holds(written[name], value)
    elif isinstance(golden, list):
        assert len(written) == len(golden)
        for there, value in zip(written, golden, strict=True):
            assert_holds(there, value)
    else:
        assert written == golden


@pytest.mark.parametrize("line", NEWEST, ids=map(tag, NEWEST))
def test_the_newest_line_of_a_tag_is_written_the_same(line):
    recorded = decode((7, 1_000_001, 3, line))
    assert encode(recorded) == (7, 1_000_001, 3, line)


def test_the_golden_file_holds_every_tag_that_can_be_written():
    assert {tag(line) for line in LINES} >= TAGS


def test_no_golden_field_has_its_default():
    """Otherwise a field could be renamed, and its line would still be read."""
    for line in NEWEST:
        event = decode((1, 0, 0, line)).event
        for field in msgspec.structs.fields(type(event)):
            if not field.required:
                assert getattr(event, field.name) != field.default, (tag(line), field.name)


@given(facts, instants)
def test_every_event_is_read_as_it_was_written(event, at):
    recorded = Recorded(seq=5, at=at, subject=9, event=event)
    row = encode(recorded)
    assert decode(row) == recorded
    assert encode(decode(row)) == row


@given(facts)
def test_a_body_is_one_line_of_json_without_tabs(event):
    """The chain's separators cannot stand in it."""
    body = encode(Recorded(seq=1, at=SOME_TIME, subject=0, event=event))[3]
    assert not {b"\t"[0], b"\n"[0]} & set(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"daemon-levitated"}',
        b'{"type":"sync-interrupted","sync":3,"reason":"moonlight"}',
        b'{"type":"daemon-started"}',
        b'{"version":"1"}',
        b'{"type":["daemon-started"]}',
        b"[1]",
    ],
)
def test_a_form_that_is_not_known_is_refused_with_a_sentence_that_says_what_to_do(body):
    with pytest.raises(UnreadableEvent, match=r"^event 12 \(.*a newer version wrote it"):
        decode((12, 0, 0, body))


@pytest.mark.parametrize("body", [b"", b"{", b'{"type":"daemon-started","version":"\xff"}'])
def test_what_is_not_json_is_refused_as_damage(body):
    with pytest.raises(UnreadableEvent, match=r"^event 12 is not JSON; the log is damaged"):
        decode((12, 0, 0, body))


def test_a_body_nested_past_all_bounds_is_refused_as_damage():
    with pytest.raises(UnreadableEvent, match="event 12"):
        decode((12, 0, 0, b'{"type":"daemon-started","version":' + b"[" * 100_000))


def test_a_retired_shape_is_lifted_to_todays():
    def lift(document):
        return {"type": "daemon-started", "version": document["release"]}

    lifted = decode((1, 0, 0, b'{"type":"daemon-born","release":"9"}'), {"daemon-born": lift})
    assert lifted.event == DaemonStarted(version="9")


def test_lifting_is_as_strict_as_reading():
    """A number written as text is no number, whichever way it came."""

    def lift(document):
        return {"type": "daemon-stopped", "interrupted": "3"}

    with pytest.raises(UnreadableEvent, match="daemon-ended"):
        decode((1, 0, 0, b'{"type":"daemon-ended"}'), {"daemon-ended": lift})


def test_a_line_older_than_a_field_reads_as_that_fields_default():
    line = b'{"type":"sync-started","kind":"scheduled","due":"2026-03-01T00:00:00Z","priority":1}'
    event = decode((1, 0, 0, line)).event
    assert isinstance(event, SyncStarted)
    assert event.request is None


def test_a_field_of_a_newer_version_is_passed_over():
    line = b'{"type":"daemon-started","version":"2","weather":"fair"}'
    assert decode((1, 0, 0, line)).event == DaemonStarted(version="2")


def test_the_time_is_kept_to_the_microsecond():
    assert decode(encode(started(1))).at == started(1).at
