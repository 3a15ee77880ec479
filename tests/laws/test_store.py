"""The data store against a model that keeps every version of every stream as a dict."""

import json
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.store.core import Position, Store, StoreBroken, StoreFull
from daemon.store.drafts import Difference
from daemon.store.schema import StoreUnusable
from events.terms import Mode
from tests.laws.stores import OWNERS, SECRET, Lives, digest_of, text_of, texts_of

STREAMS = {"days": (Mode.FULL, ("id",)), "alerts": (Mode.INCREMENTAL, ("id", "part"))}


# -- what providers send --------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(
    ["name", "NAME", "Name_", "tenant", "it's", 'a"b', "a\\b", "a\nb", "a.b", "a[0]", "ü", "", "\0"]
)
keys = st.sampled_from([1, 2, 3, "1", 'a"b', "it's", "ü", 1.5, -0.0, 2**53 + 1, 2**64, "\0", True])
parts = st.sampled_from([0, "0", '["'])
records = st.builds(
    lambda fields, key, part: {**fields, "id": key, "part": part},
    st.dictionaries(names, values, max_size=2),
    keys,
    parts,
)
FATES = [
    "accepted",
    "accepted",
    "accepted",
    "accepted, then died",
    "recorded, then died",
    "compared, then died",
    "staged, then died",
    "dropped",
    "abandoned",
]


@dataclass
class Sync:
    connection: int
    stream: str
    pages: list
    cursor: str | None
    types: dict | None
    fate: str


syncs = st.builds(
    Sync,
    connection=st.sampled_from([*OWNERS]),
    stream=st.sampled_from([*STREAMS]),
    pages=st.lists(st.lists(records, max_size=4), max_size=3),
    cursor=st.none() | texts.map(json.dumps),
    types=st.none() | st.dictionaries(texts, texts, max_size=2),
    fate=st.sampled_from(FATES),
)


# -- the model ------------------------------------------------------------------------------------


@dataclass
class Version:
    rows: dict = field(default_factory=dict)  # by the text of the key
    position: Position = field(default_factory=Position)

    def after(self, sync):
        """What this version becomes by a sync, and what is said of the difference."""
        mode, primary_key = STREAMS[sync.stream]
        sent = [record for page in sync.pages for record in page]
        seen = {text_of([record[name] for name in primary_key]): record for record in sent}
        gone = self.rows.keys() - seen.keys() if mode is Mode.FULL else set()
        rows = {key: row for key, row in self.rows.items() if key not in gone} | seen
        both = self.rows.keys() & seen.keys()
        same = {key for key in both if text_of(self.rows[key]) == text_of(seen[key])}
        difference = Difference(
            fetched=len(sent),
            added=len(seen.keys() - self.rows.keys()),
            changed=len(both) - len(same),
            removed=len(gone),
            unchanged=len(same),
            duplicates=len(sent) - len(seen),
            rows=len(rows),
            digest=digest_of(rows.values()),
        )
        position = Position(
            cursor=sync.cursor or self.position.cursor,
            types=self.position.types if sync.types is None else sync.types,
        )
        return Version(rows, position), difference, same


class AgainstTheModel:
    def __init__(self, directory):
        self.lives = Lives(directory)
        self.seq = 10
        self.versions = {}  # (connection, stream) → {version: Version}, as the log has them

    @property
    def store(self):
        return self.lives.store

    def sync(self, sync):
        where = sync.connection, sync.stream
        known = self.versions.setdefault(where, {0: Version()})
        after, expected, same = known[max(known)].after(sync)
        ids = self.lives.ids(where)
        self.seq += 1
        draft = self.begin(sync)
        for page in sync.pages:
            self.store.stage(draft, page)
        if sync.fate != "staged, then died":
            assert self.store.compare(draft, sync.cursor, sync.types) == expected
        if "accepted" in sync.fate or "recorded" in sync.fate:
            known[self.seq] = after
        if "accepted" in sync.fate:
            self.store.accept(draft)
        elif sync.fate == "dropped":
            self.store.drop(draft)
        if "died" in sync.fate:
            self.lives.die({where: max(known) for where, known in self.versions.items()}, self.seq)
        if self.seq in known:
            kept = {text for text, _ in ids & self.lives.ids(where)}
            assert kept >= {text_of(after.rows[key]) for key in same}, "it was written again"
        self.check()

    def begin(self, sync):
        mode, primary_key = STREAMS[sync.stream]
        return self.store.begin(
            sync.connection,
            "weather",
            sync.stream,
            version=self.seq,
            mode=mode,
            primary_key=primary_key,
            secret=SECRET,
        )

    def check(self):
        """What is visible, and every version before it, is what the model has."""
        for where, known in self.versions.items():
            last = max(known)
            page = self.store.show(*where, after=None, limit=1000)
            visible = known[last]
            assert texts_of(page.records) == texts_of(visible.rows.values())
            assert (page.version, page.rows) == (last, len(visible.rows))
            assert self.store.position(*where) == visible.position
            for version, model in known.items():
                assert self.lives.then(where, version) == texts_of(model.rows.values())
        self.check_views()

    def check_views(self):
        """One view a stream holds the rows of all its connections, each with its tenant."""
        for stream in STREAMS:
            expected = sorted(
                OWNERS[connection]
                for (connection, name), known in self.versions.items()
                for _ in known[max(known)].rows
                if name == stream
            )
            if expected:
                found = self.store._connection.execute(
                    f"SELECT tenant, connection FROM weather_{stream}"
                )
                assert sorted(found) == expected


@given(st.lists(syncs, min_size=2, max_size=10))
@settings(max_examples=120)
def test_whatever_happens_the_store_holds_every_recorded_version_and_nothing_else(history):
    """Counts, digest, position, unchanged rows, history, views, through crashes at any step."""
    with tempfile.TemporaryDirectory() as name:
        pair = AgainstTheModel(Path(name))
        for sync in history:
            pair.sync(sync)
        pair.store.close()


# -- pages of what is visible ---------------------------------------------------------------------


def captured(store, version, *records, stream="days", cursor=None, provider="weather"):
    """Capture records as a whole version."""
    draft = store.begin(
        1,
        provider,
        stream,
        version=version,
        mode=Mode.FULL,
        primary_key=("id",),
        secret=SECRET,
    )
    store.stage(draft, [*records])
    store.compare(draft, cursor)
    store.accept(draft)


@pytest.fixture
def store():
    with closing(Store(None)) as opened:
        opened.name_all({1: ("acme", "acme/weather")})
        yield opened


@given(st.sets(st.integers(-50, 50), max_size=30), st.integers(1, 7))
def test_pages_of_any_size_make_up_the_whole(ids, limit):
    with closing(Store(None)) as store:
        captured(store, 5, *({"id": each} for each in ids))
        found, after = [], None
        while True:
            page = store.show(1, "days", after=after, limit=limit)
            found += [record["id"] for record in page.records]
            assert len(page.records) <= limit
            if page.after is None:
                break
            after = page.after
    assert sorted(found) == sorted(ids)


def test_a_stream_that_is_not_known_has_no_page_and_begins_at_the_beginning(store):
    assert store.show(1, "days", after=None, limit=10) is None
    assert store.position(1, "days") == Position(cursor=None, types={})


# -- views ----------------------------------------------------------------------------------------


def view(store, name="weather_days"):
    cursor = store._connection.execute(f'SELECT * FROM "{name}"')
    return [column for column, *_ in cursor.description], cursor.fetchall()


fields = st.dictionaries(
    texts.filter(lambda name: name != "id" and not set(name) & {'"', "\0"}),
    st.none() | st.integers(-(2**63), 2**63 - 1) | texts.filter(lambda text: "\0" not in text),
    max_size=5,
)


@given(fields)
@example({"a\\b": 1, "a\nb": 2, "\x01": 3, "": 4, "a.b": 5, "a[0]": 6, "it's": 7, "İ": 8, "K": 9})
@example({"TRUE": 1, "false": 2})
@example({"ID": 1, "Id": 2, "id_": 3, "iD_": 4, "tenant": 5, "TENANT": 6, "connection": 7})
def test_every_field_is_a_column_of_its_own(fields):
    """Whatever its name; SQLite's names ignore case, so a taken one gets underscores."""
    with closing(Store(None)) as store:
        store.name_all({1: ("acme", "acme/weather")})
        captured(store, 5, {"id": 1, **fields})
        columns, rows = view(store)
    assert rows == [("acme", "acme/weather", 1, *fields.values())]
    assert len({column.lower() for column in columns}) == len(columns)
    for name, column in zip(fields, columns[3:], strict=True):
        assert column.rstrip("_") == name.rstrip("_")


def test_a_field_that_sqlite_cannot_name_is_left_out_and_stays_in_the_body(store):
    captured(store, 5, {"id": 1, 'a"b': 2, "\0": 3})
    assert view(store) == (["tenant", "connection", "id"], [("acme", "acme/weather", 1)])
    assert store.show(1, "days", after=None, limit=1).records == [{"id": 1, 'a"b': 2, "\0": 3}]


def test_a_view_has_a_bounded_number_of_columns(store):
    captured(store, 5, {"id": 1} | {f"f{number}": number for number in range(3000)})
    assert len(view(store)[0]) == 502


def test_a_new_field_is_a_new_column_and_an_old_one_stays(store):
    captured(store, 5, {"id": 1, "rain": 3})
    captured(store, 6, {"id": 1, "wind": 4})
    columns, rows = view(store)
    assert columns == ["tenant", "connection", "id", "rain", "wind"]
    assert rows == [("acme", "acme/weather", 1, None, 4)]


def test_a_stream_of_two_providers_is_two_views(store):
    store.name_all({2: ("acme", "acme/climate")})
    captured(store, 5, {"id": 1})
    draft = store.begin(
        2, "climate", "days", version=6, mode=Mode.FULL, primary_key=("id",), secret=SECRET
    )
    store.stage(draft, [{"id": 2}])
    store.compare(draft, None)
    store.accept(draft)
    assert view(store)[1] == [("acme", "acme/weather", 1)]
    assert view(store, "climate_days")[1] == [("acme", "acme/climate", 2)]


# -- store and log apart --------------------------------------------------------------------------


def test_a_store_ahead_of_the_log_is_refused_with_a_sentence(store):
    captured(store, 5, {"id": 1})
    with pytest.raises(StoreUnusable, match=r"version 5 .* event 4.*same backup"):
        store.reconcile({}, 4)


def test_a_store_whose_version_the_log_does_not_know_is_refused(store):
    """The log may have gone on since: it is another log all the same."""
    captured(store, 5, {"id": 1})
    captured(store, 8, {"id": 2})
    with pytest.raises(StoreUnusable, match=r"version 8 .* knows version 5"):
        store.reconcile({(1, "weather", "days"): 5}, 100)
    store.reconcile({(1, "weather", "days"): 8}, 100)


def test_a_file_that_is_no_store_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "data").write_bytes(b"dear diary\n" * 1000)
    with pytest.raises(StoreUnusable, match="cannot be opened"):
        Store(tmp_path / "data")


def test_only_its_owner_can_read_a_store(tmp_path):
    Store(tmp_path / "data").close()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


# -- a full disk ----------------------------------------------------------------------------------

MANY = [{"id": number, "text": "x" * 100} for number in range(2000)]


def fill_up(store):
    """No page more than there are now, and none of them free."""
    store._connection.execute("VACUUM")
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")


def make_room(store):
    store._connection.execute("PRAGMA max_page_count = 1000000")


@pytest.fixture
def small(tmp_path):
    """A store on disk with one record in force, and nothing free in its file."""
    with closing(Store(tmp_path / "data")) as opened:
        opened.name_all({1: ("acme", "acme/weather")})
        captured(opened, 5, {"id": 1, "text": "old"}, cursor='"c5"')
        yield opened


def start(store, version):
    return store.begin(
        1, "weather", "days", version=version, mode=Mode.FULL, primary_key=("id",), secret=SECRET
    )


def state(store):
    page = store.show(1, "days", after=None, limit=3000)
    return page.version, page.records, store.position(1, "days").cursor


OLD = (5, [{"id": 1, "text": "old"}], '"c5"')


def test_a_full_disk_while_staging_loses_nothing_and_work_goes_on_when_there_is_room(small):
    draft = start(small, 6)
    fill_up(small)
    with pytest.raises(StoreFull):
        small.stage(draft, MANY)
    assert state(small) == OLD
    assert draft.fetched == 0
    make_room(small)
    captured(small, 7, *MANY)
    assert state(small)[0] == 7
    assert len(state(small)[1]) == len(MANY)


def test_a_full_disk_while_comparing_loses_nothing(small):
    captured(small, 6, *MANY)
    before = state(small)
    draft = start(small, 7)
    small.stage(draft, [{"id": 1, "text": "new"}])
    fill_up(small)
    with pytest.raises(StoreFull):
        small.compare(draft, None)
    assert state(small) == before
    make_room(small)
    assert small.compare(draft, None).removed == len(MANY) - 1


def full_while_accepting(store):
    """The log has version 6, and the store could not make it visible."""
    draft = start(store, 6)
    store.stage(draft, MANY)
    store.compare(draft, '"c6"')
    fill_up(store)
    with pytest.raises(StoreFull):
        store.accept(draft)
    assert state(store) == OLD
    make_room(store)


def test_what_was_recorded_on_a_full_disk_is_accepted_before_the_next_sync(small):
    full_while_accepting(small)
    start(small, 7)
    version, found, cursor = state(small)
    assert (version, len(found), cursor) == (6, len(MANY), '"c6"')
    assert len(view(small)[1]) == len(MANY)
    captured(small, 7, {"id": 1})
    assert state(small)[0] == 7


def test_what_was_recorded_on_a_full_disk_is_accepted_by_the_next_life(small, tmp_path):
    full_while_accepting(small)
    small.close()
    with closing(Store(tmp_path / "data")) as reopened:
        reopened.reconcile({(1, "weather", "days"): 6}, 9)
        assert state(reopened)[0] == 6
        assert len(view(reopened)[1]) == len(MANY)


# -- a broken disk --------------------------------------------------------------------------------


def test_a_store_that_cannot_be_written_for_another_reason_is_broken(small, tmp_path):
    small._connection.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(tmp_path / "data", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBroken, match="check the disk"):
            start(small, 6)
    assert state(small) == OLD


def test_a_damaged_store_is_broken(tmp_path):
    path = tmp_path / "data"
    with closing(Store(path)) as opened:
        opened.name_all({1: ("acme", "acme/weather")})
        captured(opened, 5, *MANY)
    whole = path.read_bytes()
    pages = [whole[at : at + 4096] for at in range(0, len(whole), 4096)]
    text = MANY[0]["text"].encode()
    path.write_bytes(b"".join(b"\xff" * 4096 if text in each else each for each in pages))
    with closing(Store(path)) as damaged, pytest.raises(StoreBroken):
        captured(damaged, 6, *MANY)


def test_our_own_mistake_is_not_taken_for_a_broken_disk(store):
    draft = start(store, 6)
    store.compare(draft, None)
    with pytest.raises(sqlite3.IntegrityError):
        store.compare(draft, None)
