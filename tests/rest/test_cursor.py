"""Does the next fetch go on where the last one ended?"""

from datetime import UTC, datetime

import pytest

from daemon import watermark
from daemon.exchange import Response
from daemon.store import rows
from daemon.stream_file import Cursor
from daemon.watermark import Watermark
from events.terms import FailureClass
from tests.rest.provider import (
    Asked,
    fetch_lost,
    fetched,
    ok,
)

ROWS = [{"id": number} for number in range(5)]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MALFORMED = FailureClass.MALFORMED


SINCE = {"mode": "incremental", "cursor": {"field": "meta.at", "param": "since"}}


def at(*values):
    return [{"id": n, "meta": {"at": value}} for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("cursor", "values", "then"),
    [
        (None, ["2026-02", "2026-03", "2026-01"], '"2026-03"'),
        (None, [9, 10, 2.5], "10"),
        (None, [], None),
        ('"2026-05"', [], '"2026-05"'),
        ('"2026-05"', ["2026-04"], '"2026-05"'),
        ("7", [12345678901234567890123], "12345678901234567890123"),
        ("7", ["now text"], '"now text"'),
    ],
)
async def test_the_cursor_is_the_greatest_value_seen_and_keeps_its_type(cursor, values, then):
    done, _ = await fetched(ok(at(*values)), SINCE, cursor)
    assert done.fetched.cursor == then


@pytest.mark.parametrize(
    ("cursor", "pages", "then", "ahead"),
    [
        (None, [["2026-02-01", "2099-01-01", "2026-03-01"]], '"2026-03-01"', 1),
        ('"2026-02-01"', [["2099-01-01"], ["2098-01-01"]], '"2026-02-01"', 2),
        (None, [["2099-01-01"]], None, 1),
        (None, [[], ["2026-03-02"]], '"2026-03-02"', 0),
        ('"2026-03-01"', [["2026-02-01"]], '"2026-03-01"', 0),
    ],
)
def test_the_cursor_does_not_run_ahead_of_the_clock(cursor, pages, then, ahead):
    declared = Cursor(field="meta.at", param="since")
    mark = Watermark(declared=declared, cursor=cursor, now=NOW)
    for page in pages:
        watermark.rise(mark, at(*page), Response(status=200, headers={}, body=b"", duration_ms=1))
    assert (mark.cursor, mark.ahead) == (then, ahead)


@pytest.mark.parametrize(
    ("cursor", "initial", "sent"),
    [(None, None, None), (None, "2020", "2020"), ('"2026"', "2020", "2026"), ("7", 1, "7")],
)
async def test_the_next_fetch_starts_from_the_cursor(cursor, initial, sent):
    given = {} if initial is None else {"initial": initial}
    stream = {**SINCE, "cursor": {**SINCE["cursor"], **given}}
    _, asked = await fetched(ok([]), stream, cursor)
    assert asked[0].query.get("since") == sent


async def test_the_cursor_looks_over_all_pages():
    rows = at("c", "a", "b")

    def answer(asked: Asked) -> bytes:
        n = int(asked.query["page"]) - 1
        return ok(rows[n : n + 1])

    done, _ = await fetched(answer, {**SINCE, "paging": {"kind": "page"}})
    assert done.fetched.cursor == '"c"'


@pytest.mark.parametrize("values", [[None], [1, "a"], [True], [{}]])
async def test_a_record_without_a_usable_cursor_is_malformed(values):
    assert (await fetch_lost(ok(at(*values)), SINCE)).cause is MALFORMED


async def test_a_record_without_the_cursors_field_is_malformed_and_named():
    loss = await fetch_lost(ok(ROWS), SINCE)
    assert "meta.at" in loss.message


def test_keys_are_canonical_text():
    record = {"id": 7, "day": "ü", "on": True}
    assert rows.key_of(record, ("id",)) == "7"
    assert rows.key_of(record, ("day",)) == '"ü"'
    assert rows.key_of(record, ("id", "day", "on")) == '[7,"ü",true]'
