"""How fast do records get from a real provider into the store, against a bare loop?

The provider is Datasette over 100,000 rows. The limit is what one would write by hand: httpx page
by page, and INSERT OR REPLACE into a table of the same columns, a commit a page. Ours is a whole
sync: recorded, staged, compared with what is there, accepted.
"""

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import sqlite_utils
import trio

from daemon.app import running
from daemon.cache.cache import Cache
from daemon.cache.shelf import Shelf
from daemon.clock import SystemClock
from daemon.configuration import Configuration, Declared, Settings
from daemon.journal import Bridge
from daemon.paging_file import NextUrlPaging
from daemon.parts import Parts
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.store.core import Store
from daemon.store.storage import OneThread
from daemon.stream_file import Stream
from daemon.transport import Transport
from daemon.vault import Vault
from events.log import SqliteLog
from events.schema import SyncFailed, SyncStarted, SyncSucceeded
from tests.benchmarks.figure import Figure, compare

RECORDS = 100_000
PAGE = 1000
TURNS = 3
PATH = "/source/readings.json"
FIRST = {"_shape": "objects", "_size": str(PAGE)}


def figures(records: int = RECORDS, turns: int = TURNS) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, _datasette(Path(name), records) as url:
        yield compare(
            f"first sync of {records:,} records",
            "records/s",
            lambda: _sync(url, records),
            [lambda: _bare(url, records)],
            turns,
        )


@contextmanager
def _datasette(directory: Path, records: int) -> Iterator[str]:
    path = directory / "source.db"
    db = sqlite_utils.Database(path)
    rows = (
        {"id": n, "station": f"st-{n % 97}", "value": n * 0.25, "unit": "mm", "good": n % 2}
        for n in range(records)
    )
    db["readings"].insert_all(rows, pk="id")
    db.close()
    command = [sys.executable, "-m", "datasette", "serve", str(path), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(rb"running on (http://\S+:\d+)", line):
                yield found[1].decode()
                break
    finally:
        process.kill()
        process.wait()


def _bare(url: str, records: int) -> float:
    with tempfile.TemporaryDirectory() as name, httpx.Client(trust_env=False) as client:
        clock = SystemClock()
        began = clock.now()
        with closing(sqlite3.connect(Path(name) / "bare")) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE readings (id INTEGER PRIMARY KEY, station, value, unit, good)")
            page = client.get(url + PATH, params=FIRST).json()
            while True:
                with db:
                    db.executemany(
                        "INSERT OR REPLACE INTO readings VALUES (:id,:station,:value,:unit,:good)",
                        page["rows"],
                    )
                if page["next_url"] is None:
                    break
                page = client.get(page["next_url"]).json()
            assert db.execute("SELECT count(*) FROM readings").fetchone() == (records,)
        return records / ((clock.now() - began) / timedelta(seconds=1))


def _sync(url: str, records: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        return trio.run(_sync_once, url, Path(name), records)


async def _sync_once(url: str, state: Path, wanted: int) -> float:
    """A whole daemon but for its socket, from SyncStarted to SyncSucceeded."""
    file = ProviderFile(
        name="readings",
        base_url=url,
        private_hosts=("127.0.0.1",),
        streams={
            "all": Stream(
                path=PATH,
                primary_key=("id",),
                params=dict(FIRST),
                records="rows",
                paging=NextUrlPaging(path="next_url"),
            )
        },
    )
    clock = SystemClock()
    began = clock.now()
    tls, hosts = httpx.create_ssl_context(), file.private_hosts
    async with Transport(file.limits, tls=tls, clock=clock.now, private_hosts=hosts) as way:
        parts = Parts(
            log=SqliteLog(state),
            store=Store(state / "data"),
            run=OneThread(),
            cache=Cache(Shelf(None), OneThread()),
            vault=Vault(state / "vault", os.urandom(32)),
            clock=clock,
            configuration=Configuration(
                settings=Settings(connections={"bench/readings": Declared()}),
                providers={"readings": file},
                files=(),
            ),
            connect=lambda file: Provider(file=file, send=way.send, send_token=way.send),
            bridge=lambda journal: Bridge(journal, trio.lowlevel.current_trio_token()),
            state=state,
            version="benchmark",
        )
        async with running(parts) as daemon:
            async for batch in daemon.journal.subscribe(0):
                for recorded in batch:
                    match recorded.event:
                        case SyncStarted():
                            began = recorded.at
                        case SyncSucceeded(records=records):
                            assert records == wanted
                            return records / ((recorded.at - began) / timedelta(seconds=1))
                        case SyncFailed():
                            raise AssertionError(recorded.event.message)
    raise AssertionError("the sync did not end")
