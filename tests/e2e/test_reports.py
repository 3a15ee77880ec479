"""Reports arrive whole or not at all, in types that do not flip, from whatever serves them."""

import csv
import gzip
import io
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import trio

from daemon.csv_values import ColumnType, join
from tests.csv.reports import CORPUS
from tests.e2e import datasette
from tests.e2e.daemon import TOLERANT, WAIT_S, Daemon, Home, Line, running
from tests.e2e.test_datasette import AIRPORTS, WEATHER, counts, typed
from tests.rest import provider
from tests.rest.provider import http, ok

pytestmark = pytest.mark.requirement("B11")

CONNECTION = "acme/stock"
GOOD = [{"SKU": f"A-{number}", "Qty": number, "Price": number + 0.5} for number in range(500)]
LARGE_S = 90  # what a large one may take on a machine that has other things to do
MANY = 100_000
MANY_DAYS = WEATHER + AIRPORTS
STATE_FILES = {
    "log", "log.mark", "data", "cache", "vault", "vault.key", "ballast", "vault.ballast", "lock",
    "read", "read-wal", "read-shm",
}  # fmt: skip
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
COUNTED = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


def report(rows: list[Line]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(GOOD[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


WHOLE = report(GOOD)
HALF = WHOLE[: len(WHOLE) // 2]


def chunk(part: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(part), part)


def declare(home: Home, url: str, *, key: str = "SKU", csv: Line | None = None, **limits) -> None:
    home.provide(
        "stock",
        url,
        streams={"report": {"path": "/Report.csv", "primary_key": [key], "csv": csv or {}}},
        limits={"timeout_s": 3, "body_bytes_max": 100_000, "poll_s": 0.05, **limits},
    )


def shown(home: Home) -> list[Line]:
    names = list(GOOD[0])
    rows = [{name: row[name] for name in names} for row in home.view("stock_report")]
    return sorted(rows, key=lambda row: row["Qty"])


async def first_sync(daemon: Daemon) -> Line:
    begun = await daemon.said("sync-started")
    return await daemon.ending(begun["seq"])


# Of a real provider, which serves the same rows as JSON.


async def test_a_streamed_report_holds_what_the_same_rows_hold_as_json(home):
    """Twice, so that it shows that no type flips and nothing is written again."""
    async with datasette.serving(home.root, "weather", "airports") as source:
        datasette.declare(home, source, size=2000, days="weather", airports="airports")
        keys = {"days": ("weather", "date"), "airports": ("airports", "iata")}
        home.provide(
            "reports",
            source.url,
            streams={
                name: {
                    "path": f"/source/{table}.csv",
                    "params": {"_stream": "on"},
                    "primary_key": [key],
                    "csv": {},
                }
                for name, (table, key) in keys.items()
            },
        )
        home.configure("acme/datasette", "acme/reports")
        async with running(home) as daemon:
            for connection in ("acme/datasette", "acme/reports"):
                ending = await daemon.sync(connection)  # beside the one that is due at once
                assert (ending["event"], ending["records"]) == ("sync-succeeded", MANY_DAYS)
            for name, rows in (("days", WEATHER), ("airports", AIRPORTS)):
                (key,) = [key for stream, (_, key) in keys.items() if stream == name]
                as_json = sorted(home.view(f"datasette_{name}"), key=lambda row: row[key])
                as_csv = sorted(home.view(f"reports_{name}"), key=lambda row: row[key])
                for row in (*as_json, *as_csv):
                    del row["connection"]
                assert typed(as_csv) == typed(as_json)
                last = [line for line in daemon.lines if line.get("stream") == name][-1]
                assert counts(last) == {"fetched": rows, "unchanged": rows, "rows": rows}


async def test_a_hundred_thousand_rows_come_through_a_file(home):
    async with datasette.serving(home.root) as source:
        with source.open() as db:
            db["big"].insert_all(
                (
                    {"id": n, "name": f'"{n}", ü', "value": n / 8, "odd": "yes" if n % 2 else None}
                    for n in range(MANY)
                ),
                pk="id",
            )
        home.provide(
            "stock",
            source.url,
            streams={
                "report": {
                    "path": "/source/big.csv",
                    "params": {"_stream": "on"},
                    "primary_key": ["id"],
                    "csv": {"types": {"id": "integer"}},
                    "timeout_s": LARGE_S,
                }
            },
        )
        home.configure(CONNECTION)
        async with running(home) as daemon:
            *_, ending = await daemon.tail(
                lambda event: event["type"] == "sync-succeeded", within_s=LARGE_S
            )
            assert ending["event"]["records"] == MANY
            assert await daemon.stop() == 0
        with closing(home.open("data")) as connection:
            (found,) = connection.execute(
                "SELECT count(*), sum(id), sum(value), count(odd), count(DISTINCT typeof(id) "
                "|| typeof(name) || typeof(value) || coalesce(odd, '')) FROM stock_report"
            ).fetchall()
            name = connection.execute("SELECT name FROM stock_report WHERE id = 4711").fetchone()
    assert found == (MANY, MANY * (MANY - 1) // 2, MANY * (MANY - 1) / 16, MANY // 2, 2)
    assert name == ('"4711", ü',)


# Of a provider that takes its time, and of one that breaks off.


async def slowly(stream: trio.abc.Stream) -> None:
    """The first byte comes late, the others in drops; only that it was all is not said yet."""
    await trio.sleep(0.3)
    await stream.send_all(CHUNKED)
    step = len(WHOLE) // 20
    for start in range(0, len(WHOLE), step):
        await stream.send_all(chunk(WHOLE[start : start + step]))
        await trio.sleep(0.02)


async def test_a_report_that_takes_long_is_waited_for_and_seen_only_when_it_is_whole(home):
    answers = [http(b"", 202), http(b"wait", 202, retry_after="1"), http(b"", 202)]
    looks = []

    async def watched(stream: trio.abc.Stream) -> None:
        await slowly(stream)
        looks.append(home.view("stock_report"))
        await stream.send_all(chunk(b""))

    async with provider.serving(lambda _: answers.pop(0) if answers else watched) as server:
        declare(home, server.url)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            ending = await first_sync(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", len(GOOD))
            assert len(server.asked) == 4
            assert await daemon.stop() == 0
    assert looks == [[]], "nothing of it was visible while it came"
    assert typed(shown(home)) == typed(GOOD)


CUT = {
    "reset": (provider.then_reset(COUNTED % len(WHOLE) + HALF), "network"),
    "reset before the answer": (provider.then_reset(b""), "network"),
    "less than it said": (COUNTED % len(WHOLE) + HALF, "network"),
    "more than it said": (COUNTED % len(HALF) + WHOLE, "malformed"),
    "parts without an end": (CHUNKED + chunk(HALF), "network"),
    "half a part": (CHUNKED + chunk(HALF)[:-100], "network"),
    "packed and cut": (
        http(gzip.compress(WHOLE)[:-20], content_encoding="gzip"),
        "malformed",
    ),
    "packed and damaged": (
        http(gzip.compress(WHOLE)[:200] + b"\x00" * 99, content_encoding="gzip"),
        "malformed",
    ),
    "silence": (provider.then_silence(COUNTED % len(WHOLE) + HALF), "timeout"),
    "too large": (http(WHOLE * 20), "malformed"),
    "a bomb": (http(gzip.compress(bytes(10**7)), content_encoding="gzip"), "malformed"),
    "a web page": (http(b"<html>", content_type="text/html"), "malformed"),
    "nothing": (http(b""), "empty"),
    "no content": (http(b"", 204), "empty"),
    "a header and no rows": (http(WHOLE.splitlines()[0]), "empty"),
    "refused": (http(b"no", 403), "auth"),
}


@pytest.mark.requirement("B5")
async def test_of_a_report_that_is_cut_off_or_empty_nothing_is_ever_visible(home):
    assert HALF[-1:] not in b"\r\n", "it is cut inside a row"
    answer = http(WHOLE)

    def answers(asked):
        return answer(asked) if callable(answer) else answer

    async with provider.serving(answers) as server:
        declare(home, server.url)
        home.configure(CONNECTION, policy=TOLERANT)
        async with running(home) as daemon:
            assert (await first_sync(daemon))["event"] == "sync-succeeded"
            before = home.records()
            for name, (bad, cause) in CUT.items():
                answer = bad
                ending = await daemon.sync(CONNECTION)
                assert (ending["event"], ending.get("cause")) == ("sync-failed", cause), name
                assert "?" not in ending["message"]
                assert home.records() == before, f"{name}: something of it was kept"
                assert files_open(daemon) == [], f"{name}: its file is still open"
            answer = http(WHOLE)
            assert (await daemon.sync(CONNECTION))["event"] == "sync-succeeded"
            assert home.records() == before
            assert await daemon.stop() == 0
    assert typed(shown(home)) == typed(GOOD)
    assert "actor-crashed" not in [line["event"] for line in daemon.lines]


async def test_a_limit_that_is_raised_lets_the_report_through(home):
    rows = [{"SKU": f"A-{number}", "Qty": number, "Price": 0.5} for number in range(20_000)]
    packed = http(gzip.compress(report(rows)), content_encoding="gzip")
    async with provider.serving(packed) as server:
        declare(home, server.url)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            refused = await first_sync(daemon)
            assert refused["cause"] == "malformed"
            assert "larger than 100000 bytes" in refused["message"]
            assert "limits.body_bytes_max" in refused["message"]
            assert await daemon.stop() == 0
        declare(home, server.url, body_bytes_max=10**6)
        async with running(home) as daemon:
            ending = await daemon.sync(CONNECTION)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 20_000)
            assert await daemon.stop() == 0
    assert shown(home) == rows


# Ugly ones.


async def test_whatever_comes_after_another_no_type_flips_and_the_view_stays_readable(home):
    """All that people have seen, one after the other, as one stream's reports."""
    reports = {name: CORPUS[name] for name in sorted(CORPUS)}
    answer = b""
    widest: dict[str, ColumnType] = {}
    accepted = []
    async with provider.serving(lambda _: http(answer)) as server:
        declare(home, server.url, csv={"nulls": ["", "NULL"]})
        home.configure(CONNECTION)
        async with running(home) as daemon:
            await first_sync(daemon)
            for turn in range(2):
                for name, content in reports.items():
                    answer = content
                    before = home.view("stock_report")
                    ending = await daemon.sync(CONNECTION)
                    if ending["event"] == "sync-failed":
                        assert ending["cause"] in {"malformed", "empty"}, name
                        assert home.view("stock_report") == before, name
                        continue
                    accepted.append(name)
                    assert len(home.view("stock_report")) == ending["records"], name
                    types = known_types(home)
                    for column, type_ in widest.items():
                        assert join(type_, types[column]) is types[column], f"{name}: {column}"
                    assert turn == 0 or types == widest, f"{name}: each was seen before"
                    widest = types
                    check_values(home, types)
            assert await daemon.stop() == 0
    assert "actor-crashed" not in [line["event"] for line in daemon.lines]
    assert len(set(accepted)) > 20
    assert set(widest.values()) > {ColumnType.TEXT, ColumnType.INTEGER}


def known_types(home: Home) -> dict[str, ColumnType]:
    """As what the version in force was read."""
    with closing(home.open("data")) as connection:
        rows = connection.execute(
            "SELECT key, value FROM stream JOIN version ON version.stream = stream.id "
            "AND version.version = stream.head, json_each(version.types)"
        )
        return {column: ColumnType(type_) for column, type_ in rows}


SQL_TYPES = {
    ColumnType.TEXT: {"text"},
    ColumnType.INTEGER: {"integer"},
    ColumnType.NUMBER: {"real"},
    ColumnType.BOOLEAN: {"true", "false"},
}


def check_values(home: Home, types: dict[str, ColumnType]) -> None:
    """Each value in force has its column's type."""
    with closing(home.open("data")) as connection:
        rows = connection.execute(
            "SELECT DISTINCT field.key, field.type FROM record, json_each(record.body) AS field "
            "WHERE until IS NULL AND field.type <> 'null'"
        )
        for column, type_ in rows:
            declared = types.get(column, ColumnType.TEXT)  # the key is text, and not found out
            assert type_ in SQL_TYPES[declared], f"{column} is {declared}, and holds a {type_}"


# The file that a report waits in.


def files_open(daemon: Daemon) -> list[str]:
    """The files without a name that a daemon has open in its state directory."""
    found = []
    for each in Path(f"/proc/{daemon.process.pid}/fd").iterdir():
        try:
            target = os.readlink(each)  # noqa: PTH115 - a Path would drop nothing, but resolve
        except FileNotFoundError:
            continue
        if target.startswith(f"{daemon.home.state}/#") or target.endswith(" (deleted)"):
            found.append(target)
    return found


async def test_nothing_is_left_of_a_report_when_the_daemon_is_killed_while_it_comes(home):
    dripping, drips = provider.endless(CHUNKED, chunk(b"A-1,1,1.5\r\n"), pause=0.01), trio.Event()
    answer = http(WHOLE)

    def answers(asked):
        if callable(answer):
            drips.set()
            return answer(asked)
        return answer

    async with provider.serving(answers) as server:
        declare(home, server.url, timeout_s=20)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            await first_sync(daemon)
            answer = dripping
            await daemon.tell("sync", CONNECTION)
            with trio.fail_after(WAIT_S):
                await drips.wait()
            assert len(files_open(daemon)) == 1
            names = {path.name for path in home.state.iterdir()}
            assert await daemon.stop(signal.SIGKILL)
        left = {path.name for path in home.state.iterdir()}
        assert left == names
        assert {name.removesuffix("-wal").removesuffix("-shm") for name in left} <= STATE_FILES
        answer = http(WHOLE)
        async with running(home) as daemon:
            again = await daemon.said("sync-started")
            assert (await daemon.ending(again["seq"]))["event"] == "sync-succeeded"
            assert files_open(daemon) == []
            assert await daemon.stop() == 0
    assert typed(shown(home)) == typed(GOOD)


def small_disk(size: str) -> list[str]:
    """How to run a command whose state directory, and nothing else, is so small a disk."""
    mount = f'mount -t tmpfs -o size={size} rounds "$0" && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", mount]


def works() -> bool:
    try:
        done = subprocess.run([*small_disk("1m"), "/mnt", "true"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.skipif(not works(), reason="no file system may be mounted here: no disk to fill")
async def test_a_report_that_the_disk_has_no_room_for_is_fetched_when_it_has(home):
    """A disk of twenty megabytes, and a report of thirty."""
    rows = b"".join(b"A-%d,%d,%0300d\r\n" % (n, n, n) for n in range(100_000))
    large = http(gzip.compress(b"SKU,Qty,Price\r\n" + rows, 1), content_encoding="gzip")
    answer = http(WHOLE)
    home.state.mkdir()
    async with provider.serving(lambda _: answer) as server:
        declare(home, server.url, body_bytes_max=10**8, timeout_s=20)
        home.configure(CONNECTION)
        async with running(home, *small_disk("20m"), str(home.state)) as daemon:
            await first_sync(daemon)
            answer = large
            await daemon.tell("sync", CONNECTION)
            await daemon.said("sync-interrupted", reason="disk-full")
            await daemon.said("disk-full", file="data")
            shown = await daemon.ask("data", connection=CONNECTION, stream="report", limit=1)
            assert shown["rows"] == len(GOOD)
            answer = http(report([*GOOD, {"SKU": "new", "Qty": 7, "Price": 1.5}]))
            *_, last = await daemon.heard(
                lambda line: line["event"] == "sync-succeeded" and line["records"] > len(GOOD)
            )
            assert last["records"] == len(GOOD) + 1
            assert (await daemon.ask("status"))["trouble"] == []
            assert await daemon.stop() == 0
    assert "actor-crashed" not in [line["event"] for line in daemon.lines]


async def test_an_error_in_json_is_never_read_as_a_report(home):
    async with provider.serving(ok({"error": "expired", "token": "abc"})) as server:
        declare(home, server.url)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            ending = await first_sync(daemon)
            assert (ending["event"], ending["cause"]) == ("sync-failed", "malformed")
            assert "abc" not in ending["message"]
            assert await daemon.stop() == 0
