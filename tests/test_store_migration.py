"""A data file that was written before there were days and types: all that it holds is kept.

`OLD` is such a file, statement by statement, as it lay on disk. It is never changed.
"""

import json
import sqlite3
from contextlib import closing
from functools import partial

import pytest

from daemon.store import differences, versions
from daemon.store.core import Position, Store
from daemon.store.schema import StoreUnusable
from daemon.store.told import Told
from events.terms import Mode

SECRET = b"of the tenant"
RECORDED = {(1, "weather", "days"): 8, (2, "weather", "days"): 6}
"""What the log says was captured: version 6 of the other connection, too, which died before it was
accepted. The alerts were staged and never recorded."""

OLD = """
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations"
    VALUES (1, 'rounds-data', 'create_store', '2026-11-22 01:09:12.936271+00:00');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");

    CREATE TABLE owner (
        connection INTEGER PRIMARY KEY,  -- the subject of its events
        tenant     TEXT NOT NULL,
        name       TEXT NOT NULL         -- tenant/provider or tenant/provider/account
    ) STRICT
    ;
INSERT INTO owner VALUES (1, 'acme', 'acme/weather'), (2, 'umbrella', 'umbrella/weather');

    CREATE TABLE stream (
        id         INTEGER PRIMARY KEY,
        connection INTEGER NOT NULL,
        provider   TEXT NOT NULL,
        name       TEXT NOT NULL,
        head       INTEGER NOT NULL DEFAULT 0,  -- the version that is visible; 0: none yet
        UNIQUE (connection, name)
    ) STRICT
    ;
INSERT INTO stream VALUES
    (1, 1, 'weather', 'days', 8), (2, 2, 'weather', 'days', 0), (3, 1, 'weather', 'alerts', 0);

    CREATE TABLE version (
        stream  INTEGER NOT NULL REFERENCES stream (id),
        version INTEGER NOT NULL,  -- the number of the sync's first event
        rows    INTEGER NOT NULL,
        digest  BLOB NOT NULL,     -- of the whole content, see daemon/store/rows.py
        cursor  TEXT,              -- JSON; where the next fetch goes on
        PRIMARY KEY (stream, version)
    ) STRICT
    ;
INSERT INTO version VALUES
    (1, 5, 2, X'0979ECB0376D5204EED671113AF3754A', '"c5"'),
    (1, 8, 2, X'2EB78BC022C2E1D1CAF2C3D4E1F91287', '"c8"'),
    (2, 6, 1, X'E20AC1B637FAD9C300FBACBC47E943A0', NULL);

    CREATE TABLE record (
        id     INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL REFERENCES stream (id),
        key    TEXT NOT NULL,      -- JSON of the primary key
        digest BLOB NOT NULL,
        since  INTEGER NOT NULL,   -- the version that wrote it
        until  INTEGER,            -- the version that replaced or removed it
        body   TEXT NOT NULL       -- JSON, keys sorted
    ) STRICT
    ;
CREATE UNIQUE INDEX record_current ON record (stream, key) WHERE until IS NULL;
INSERT INTO record VALUES
    (1, 1, '1', X'58426E058BCF36021C74B9B43B7633F8', 5, NULL, '{"id":1,"rain":3}'),
    (2, 1, '2', X'B1377EAAAB9E1C02D261B75CFF7D4152', 5, 8, '{"id":2,"rain":4}'),
    (3, 1, '3', X'D6751DBA96F3ABCFAE7E0A20A682DE8F', 8, NULL, '{"id":3,"rain":7}');

    CREATE TABLE staged (
        id       INTEGER PRIMARY KEY,
        stream   INTEGER NOT NULL,
        version  INTEGER NOT NULL,
        key      TEXT NOT NULL,
        digest   BLOB NOT NULL,
        replaces INTEGER,          -- the current record that it replaces or removes
        body     TEXT              -- NULL: removed
    ) STRICT
    ;
CREATE UNIQUE INDEX staged_key ON staged (stream, key);
INSERT INTO staged VALUES
    (1, 2, 6, '1', X'E20AC1B637FAD9C300FBACBC47E943A0', NULL, '{"id":1,"rain":9}'),
    (2, 3, 9, '1', X'7BCE656AA397AFB54FE00D807DE40CDC', NULL, '{"id":1,"rain":30}');

    CREATE TABLE field (
        provider TEXT NOT NULL,
        stream   TEXT NOT NULL,
        name     TEXT NOT NULL,
        PRIMARY KEY (provider, stream, name)
    ) STRICT
    ;
INSERT INTO field VALUES ('weather', 'days', 'id'), ('weather', 'days', 'rain');

CREATE VIEW "weather_days" AS SELECT
    owner.tenant AS tenant,
    owner.name AS connection,
    json_extract(record.body, '$."id"') AS "id",
    json_extract(record.body, '$."rain"') AS "rain"
FROM stream CROSS JOIN record
ON record.stream = stream.id AND record.until IS NULL
JOIN owner ON owner.connection = stream.connection
WHERE stream.provider = 'weather' AND stream.name = 'days';
"""


@pytest.fixture
def path(tmp_path):
    with closing(sqlite3.connect(tmp_path / "data")) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(OLD)
    return tmp_path / "data"


@pytest.fixture
def store(path):
    with closing(Store(path)) as opened:
        opened.reconcile(RECORDED, 10)
        yield opened


def synced(store, version, mode, records, day=None):
    draft = store.begin(
        1, "weather", "days", version=version, mode=mode, primary_key=("id",), secret=SECRET
    )
    store.stage(draft, records, day)
    found = store.compare(draft, None)
    store.accept(draft)
    return found


def shown(store, connection=1):
    return store.show(connection, "days", after=None, limit=10).records


def test_every_row_is_as_it_was(path):
    with closing(sqlite3.connect(path)) as old:
        tables = {
            name: old.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
            for name in ("owner", "stream", "version", "record", "staged", "field")
        }
        columns = {
            name: [column for column, *_ in old.execute(f"SELECT * FROM {name}").description]
            for name in tables
        }
    for _ in range(2):
        with closing(Store(path)) as store:
            for name, before in tables.items():
                kept = f"SELECT {', '.join(columns[name])} FROM {name} ORDER BY 1, 2"
                assert store._connection.execute(kept).fetchall() == before


def test_what_was_visible_still_is_and_goes_on_where_it_was(store):
    assert shown(store) == [{"id": 1, "rain": 3}, {"id": 3, "rain": 7}]
    assert store.position(1, "days") == Position(cursor='"c8"', types={})
    assert sorted(store._connection.execute("SELECT connection, id, rain FROM weather_days")) == [
        ("acme/weather", 1, 3),
        ("acme/weather", 3, 7),
        ("umbrella/weather", 1, 9),
    ]


def test_a_version_from_before_agrees_with_whatever_tells_its_records_apart(store):
    there = {"version": 11, "mode": Mode.INCREMENTAL, "secret": SECRET}
    draft = store.begin(1, "weather", "days", primary_key=("rain",), follows="rain", **there)
    assert draft.was is None
    store.compare(draft, None)
    store.accept(draft)
    assert store.position(1, "days").cursor == '"c8"'
    again = store.begin(
        1, "weather", "days", primary_key=("id",), follows="id", **{**there, "version": 12}
    )
    assert again.was == Told(key=("rain",), cursor="rain")


def test_a_draft_that_was_recorded_is_accepted_and_another_dropped(store):
    assert shown(store, 2) == [{"id": 1, "rain": 9}]
    assert store._connection.execute("SELECT count(*) FROM staged").fetchone() == (0,)
    assert store.show(1, "alerts", after=None, limit=10).records == []


def test_the_next_sync_writes_only_what_differs(store):
    found = synced(store, 11, Mode.FULL, [{"id": 1, "rain": 3}, {"id": 4, "rain": 1}])
    assert (found.added, found.removed, found.unchanged) == (1, 1, 1)
    history = store._connection.execute("SELECT since, until, body FROM record WHERE stream = 1")
    assert [(since, until, json.loads(body)["id"]) for since, until, body in history] == [
        (5, None, 1),
        (5, 8, 2),
        (8, 11, 3),
        (11, None, 4),
    ]


def test_windows_take_over_what_comes_in_them_and_leave_the_rest(store):
    assert synced(store, 11, Mode.WINDOW, [{"id": 1, "rain": 3}], "2026-03-01").removed == 0
    assert synced(store, 12, Mode.WINDOW, [], "2026-03-01").removed == 1
    assert shown(store) == [{"id": 3, "rain": 7}]


def test_an_old_file_becomes_what_a_new_one_is(path, tmp_path):
    def tables(file):
        with closing(Store(file)) as store:
            rows = store._connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type <> 'view'"
            )
            return {name: " ".join((sql or "").split()) for name, sql in rows}

    assert tables(path) == tables(tmp_path / "new")


def test_a_migration_that_fails_changes_nothing_and_is_tried_again(path):
    """Its last statement finds the name taken: all before it is taken back."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE moved (hindrance)")
        before = [*file.iterdump()]
    with pytest.raises(StoreUnusable, match="cannot be opened"):
        Store(path)
    with closing(sqlite3.connect(path)) as file:
        assert [*file.iterdump()] == before
        file.execute("DROP TABLE moved")
    with closing(Store(path)) as store:
        assert shown(store) == [{"id": 1, "rain": 3}, {"id": 3, "rain": 7}]


@pytest.mark.requirement("X7")
def test_a_connection_may_have_a_stream_of_one_name_at_two_providers(store):
    """And every view still shows what it showed."""
    there = {"version": 11, "mode": Mode.FULL, "primary_key": ("id",), "secret": SECRET}
    draft = store.begin(1, "climate", "days", **there)
    store.stage(draft, [{"id": 1, "rain": 9}])
    store.compare(draft, '"next"')
    store.accept(draft)
    before = store.show(1, "days", provider="weather", after=None, limit=10).records
    assert before == [{"id": 1, "rain": 3}, {"id": 3, "rain": 7}]
    after = store.show(1, "days", provider="climate", after=None, limit=10).records
    assert after == shown(store) == [{"id": 1, "rain": 9}], "the last one, where none is named"
    assert store.position(1, "days", "weather").cursor == '"c8"'
    assert store.position(1, "days", "climate").cursor == store.position(1, "days").cursor
    views = "SELECT connection, rain FROM weather_days WHERE connection = 'acme/weather'"
    assert len(store._connection.execute(views).fetchall()) == 2
    assert store._connection.execute("SELECT rain FROM climate_days").fetchall() == [(9,)]
    store.reconcile({**RECORDED, (1, "climate", "days"): 11}, 20)
    with pytest.raises(StoreUnusable):
        store.reconcile(RECORDED, 20)


@pytest.mark.requirement("X4")
def test_versions_from_before_can_be_listed_shown_and_compared(store):
    here = {"subject": 1, "stream": "days"}
    listed = store._connection.execute(
        "SELECT connection, stream, version, rows, current FROM versions ORDER BY 1, 2, 3"
    ).fetchall()
    assert ("acme/weather", "days", 8, 2, 1) in listed
    synced(store, 11, Mode.FULL, [{"id": 1, "rain": 4}])
    then = store.ask(partial(versions.show, **here, version=8, after=None, limit=9))
    assert then.records == [{"id": 1, "rain": 3}, {"id": 3, "rain": 7}]
    between = partial(differences.between, provider="weather", first=8, second=11, **here)
    found = store.ask(partial(between, after=None, limit=9))
    assert [(each.kind, each.key) for each in found.changes] == [("changed", "1"), ("removed", "3")]
