"""How is a real provider run: Datasette over tables that change under it?"""

import csv
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlite_utils
import trio

from tests.e2e.daemon import WAIT_S, Home

NUMBERS = {"precipitation", "temp_max", "temp_min", "wind", "latitude", "longitude"}
KEYS = {"weather": "date", "airports": "iata"}
FILES = {"weather": "seattle-weather.csv", "airports": "airports.csv"}

Row = dict[str, Any]


def published(table: str) -> list[Row]:
    """A data set as it was published, numbers as numbers."""
    spec = find_spec("vega_datasets")  # found, not imported: importing it takes pandas along
    assert spec is not None
    assert spec.origin is not None
    with (Path(spec.origin).parent / "_data" / FILES[table]).open(newline="") as file:
        return [
            {name: float(text) if name in NUMBERS else text for name, text in row.items()}
            for row in csv.DictReader(file)
        ]


class Source:
    """A database with published tables, the Datasette before it, and the pages it has served."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self.pages = 0
        self._served = trio.Event()

    @contextmanager
    def open(self) -> Iterator[sqlite_utils.Database]:
        """Change it as its owner does; readers see all of it at once."""
        db = sqlite_utils.Database(self.path)
        with closing(db.conn), db.conn:
            yield db

    def rows(self, table: str) -> list[Row]:
        """What it holds now, by key."""
        with self.open() as db:
            return list(db[table].rows_where(order_by=KEYS[table]))

    async def page(self, number: int) -> None:
        """Wait until that many pages have been served since the start."""
        with trio.fail_after(WAIT_S):
            while self.pages < number:
                await self._served.wait()

    async def count(self, access_log: trio.abc.ReceiveStream) -> None:
        rest = b""
        async for chunk in access_log:
            *lines, rest = (rest + chunk).split(b"\n")
            self.pages += sum(b'"GET /source/' in line for line in lines)
            self._served.set()
            self._served = trio.Event()


@asynccontextmanager
async def serving(
    directory: Path, *tables: str, rows_max: int | None = None
) -> AsyncIterator[Source]:
    """Serve published tables, each from its first rows, on a port of the system's choice."""
    path = directory / "source.db"
    source = Source(path, "")
    with source.open() as db:
        db.enable_wal()
        for table in tables:
            db[table].insert_all(published(table)[:rows_max], pk=KEYS[table])
    process = await trio.lowlevel.open_process(
        [
            *(sys.executable, "-m", "datasette", "serve", str(path), "--host", "127.0.0.1"),
            *("--port", "0", "--setting", "max_returned_rows", "5000"),
        ],
        stdin=-3,
        stdout=-1,
        stderr=-1,
    )
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.count, process.stdout)
            source.url = await nursery.start(_address, process.stderr)
            yield source
            nursery.cancel_scope.cancel()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def _address(messages: trio.abc.ReceiveStream, task_status: trio.TaskStatus[str]) -> None:
    """Find out where it serves; then go on reading, so that it never waits for us."""
    said, found = b"", None
    async for chunk in messages:
        if found is None:
            said += chunk
            found = re.search(rb"running on (http://\S+:\d+)", said)
            if found:
                task_status.started(found[1].decode())


def declare(home: Home, source: Source, *, size: int, **streams: str) -> None:
    """Declare the provider `datasette`; its streams by name, each one table."""
    home.provide(
        "datasette",
        source.url,
        streams={
            name: {
                "path": f"/source/{table}.json",
                "primary_key": [KEYS[table]],
                "params": {"_shape": "objects", "_size": size},
                "records": "rows",
                "paging": {"kind": "next_url", "path": "next_url"},
            }
            for name, table in streams.items()
        },
    )


def seen(home: Home, stream: str, tenant: str | None = None) -> list[Row]:
    """A stream's view as it would stand in the source: without whose it is, by key."""
    rows = home.view(f"datasette_{stream}", tenant)
    plain = [
        {name: value for name, value in row.items() if name not in ("tenant", "connection")}
        for row in rows
    ]
    return sorted(plain, key=lambda row: next(iter(row.values())))
