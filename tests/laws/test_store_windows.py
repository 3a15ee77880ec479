"""The data store's day windows against a model that is a plain dict: day → key → record."""

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.store import drafts, windows
from daemon.store.core import Position, Store, StoreBroken, StoreFull
from daemon.store.drafts import DayCount, Difference
from daemon.store.storage import OneThread, Storage
from events.terms import Mode
from tests.laws.stores import (
    OWNERS,
    SECRET,
    Lives,
    besides,
    digest_of,
    lying_after,
    text_of,
    texts_of,
)

D1, D2, D3 = DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]
HERE = 1, "days"


# -- what providers send --------------------------------------------------------------------------


@dataclass
class Page:
    day: str
    records: list


@dataclass
class Lost:
    """The fetch of a day fails, or its answer is refused."""

    day: str


@dataclass
class Sync:
    connection: int
    mode: Mode
    steps: list
    fate: str


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

days = st.sampled_from(DAYS)
records = st.builds(
    lambda key, rain: {"id": key, "rain": rain}, st.integers(1, 4), st.integers(0, 1)
)
pages = st.builds(Page, days, st.lists(records, max_size=3))
syncs = st.builds(
    Sync,
    connection=st.sampled_from([1, 1, 1, 2]),
    mode=st.sampled_from([Mode.WINDOW] * 6 + [Mode.FULL, Mode.INCREMENTAL]),
    steps=st.lists(pages | pages | pages | st.builds(Lost, days), max_size=6),
    fate=st.sampled_from(FATES),
)


# -- the model ------------------------------------------------------------------------------------


@dataclass
class Content:
    """Each record lies in one day; None is the day of what came outside windows.

    `lies` is key → (that day, others that it came in while that one did not come).
    """

    records: dict
    lies: dict

    @property
    def days(self):
        inside = {}
        for key, (day, _) in self.lies.items():
            inside.setdefault(day, {})[key] = self.records[key]
        return inside

    def after(self, sync):
        """What this content becomes by a sync, and what is said of the difference."""
        staged, registered = arrived(sync)
        last = {record["id"]: (day, record) for day, record in staged}
        before = self.records
        same = {key for key, (_, record) in last.items() if record == before.get(key)}
        if sync.mode is Mode.WINDOW:
            came = [(day, record["id"]) for day, record in staged]
            lies = lying_after(self.lies, came, registered)
        else:
            lies = dict(self.lies)
            for key in last.keys() - same:
                lies[key] = None, self.lies.get(key, (None, frozenset()))[1]
            if sync.mode is Mode.FULL:
                lies = {key: day for key, day in lies.items() if key in last}
        now = {**before, **{key: record for key, (_, record) in last.items()}}
        after = Content({key: now[key] for key in lies}, lies)
        difference = Difference(
            fetched=len(staged),
            added=len(last.keys() - before.keys()),
            changed=len(last.keys() & before.keys()) - len(same),
            removed=len(before.keys() - after.records.keys()),
            unchanged=len(same),
            duplicates=len(staged) - len(last),
            rows=len(after.records),
            digest=digest_of(after.records.values()),
        )
        return after, difference, same


def arrived(sync):
    """What came and was not lost again, in order, as (day, record); and the days it came in."""
    if sync.mode is not Mode.WINDOW:
        staged = [
            (None, each) for step in sync.steps if isinstance(step, Page) for each in step.records
        ]
        return staged, []
    staged, registered = [], []
    for step in sync.steps:
        if isinstance(step, Lost):
            staged = [(day, record) for day, record in staged if day != step.day]
            registered = [day for day in registered if day != step.day]
        else:
            staged += [(step.day, record) for record in step.records]
            registered += [] if step.day in registered else [step.day]
    return staged, registered


class AgainstTheModel:
    def __init__(self, directory):
        self.lives = Lives(directory)
        self.seq = 10
        self.contents = {}  # connection → {version: Content}, as the log has them

    @property
    def store(self):
        return self.lives.store

    def sync(self, sync):
        where = sync.connection, "days"
        known = self.contents.setdefault(sync.connection, {0: Content({}, {})})
        before = known[max(known)]
        after, expected, same = before.after(sync)
        ids = self.lives.ids(where)
        self.seq += 1
        draft = begun(self.store, self.seq, sync.connection, sync.mode)
        self.fetch(draft, sync)
        self.check_days(draft, sync, before)
        if sync.fate != "staged, then died":
            assert self.store.compare(draft, None) == expected
        if "accepted" in sync.fate or "recorded" in sync.fate:
            known[self.seq] = after
        if "accepted" in sync.fate:
            self.store.accept(draft)
            assert not self.lives.pending(self.seq), "what was accepted waits no more"
        elif sync.fate == "dropped":
            self.store.drop(draft)
        if "died" in sync.fate:
            self.lives.die(
                {(each, "days"): max(of) for each, of in self.contents.items()}, self.seq
            )
        if self.seq in known:
            kept = {text for text, _ in ids & self.lives.ids(where)}
            stays = {key for key in same if after.lies[key][0] == before.lies[key][0]}
            assert kept >= {text_of(after.records[key]) for key in stays}, "it was written again"
        self.check()

    def fetch(self, draft, sync):
        for step in sync.steps:
            match step:
                case Page(day=day, records=found):
                    self.store.stage(draft, found, day if sync.mode is Mode.WINDOW else None)
                case Lost(day=day) if sync.mode is Mode.WINDOW:
                    self.store.drop_day(draft, day)

    def check_days(self, draft, sync, before):
        staged, registered = arrived(sync)
        by_key = {
            day: {each["id"]: each for came, each in staged if came == day} for day in registered
        }
        fetched = {day: sum(came == day for came, _ in staged) for day in registered}
        assert self.store.days(draft) == [
            DayCount(
                day=day,
                fetched=fetched[day],
                before=len(before.days.get(day, {})),
                duplicates=fetched[day] - len(by_key[day]),
                repeated=repeats(before, day, by_key[day]),
            )
            for day in sorted(registered)
        ]

    def check(self):
        """What is visible, every version before it, and each record's day, are the model's."""
        for connection, known in self.contents.items():
            last = max(known)
            page = self.store.show(connection, "days", after=None, limit=1000)
            assert texts_of(page.records) == texts_of(known[last].records.values())
            assert page.version == last
            for version, content in known.items():
                expected = texts_of(content.records.values())
                assert self.lives.then((connection, "days"), version) == expected
            assert lying(self.store, connection) == {
                (day, key) for key, (day, _) in known[last].lies.items()
            }
            assert besides(self.store, connection) == {
                (key, day) for key, (_, others) in known[last].lies.items() for day in others
            }

    def check_digests(self):
        """However it came about, a content has the digest that it has in a new store."""
        for known in self.contents.values():
            found = [*known[max(known)].records.values()]
            with closing(Store(None)) as fresh:
                draft = begun(fresh, 1, mode=Mode.FULL)
                fresh.stage(draft, found)
                digest = fresh.compare(draft, None).digest
            assert digest == digest_of(found)


def repeats(before, day, came):
    """Whether a day brings only what lies in other days, as it is."""
    elsewhere = {
        key: record
        for other, inside in before.days.items()
        if other not in (day, None)
        for key, record in inside.items()
        if day not in before.lies[key][1]
    }
    return bool(came) and all(elsewhere.get(key) == record for key, record in came.items())


def begun(store, version, connection=1, mode=Mode.WINDOW):
    return store.begin(
        connection,
        "weather",
        "days",
        version=version,
        mode=mode,
        primary_key=("id",),
        secret=SECRET,
    )


def lying(store, connection=1):
    """(day, key) of what is visible."""
    return set(
        store._connection.execute(
            "SELECT day, CAST(key AS INTEGER) FROM record JOIN stream ON stream.id = record.stream "
            "WHERE connection = ? AND until IS NULL",
            (connection,),
        )
    )


GLITCH = [
    Sync(1, Mode.WINDOW, [Page(D1, [{"id": 1, "rain": 0}])], "accepted"),
    Sync(1, Mode.WINDOW, [Page(D2, [{"id": 1, "rain": 1}])], "recorded, then died"),
    Sync(1, Mode.WINDOW, [Page(D2, [])], "accepted"),
    Sync(1, Mode.WINDOW, [Page(D3, [{"id": 1, "rain": 1}])], "accepted"),
    Sync(1, Mode.WINDOW, [Page(D1, [])], "accepted"),
]

MIDNIGHT = [
    Sync(1, Mode.WINDOW, [Page(D1, [{"id": 1, "rain": 0}])], "accepted"),
    Sync(1, Mode.WINDOW, [Page(D2, [{"id": 1, "rain": 0}])], "recorded, then died"),
    Sync(1, Mode.WINDOW, [Page(D1, [])], "accepted"),
]


ABANDONED = [
    Sync(1, Mode.WINDOW, [Page(D1, [{"id": 1, "rain": 0}])], "accepted"),
    Sync(1, Mode.WINDOW, [Page(D2, [{"id": 1, "rain": 0}])], "abandoned"),
    Sync(2, Mode.WINDOW, [Page(D1, [{"id": 1, "rain": 0}])], "accepted"),
]


@pytest.mark.requirement("C4")
@given(st.lists(syncs, min_size=2, max_size=10))
@example(GLITCH)
@example(MIDNIGHT)
@example(ABANDONED)
@settings(max_examples=250)
def test_absence_removes_only_inside_days_that_were_completely_fetched(history):
    """Any days in any order, failing, overlapping, in any mode, and deaths at any step."""
    with tempfile.TemporaryDirectory() as name:
        pair = AgainstTheModel(Path(name))
        for sync in history:
            pair.sync(sync)
        pair.check_digests()
        pair.store.close()


# -- one by one -----------------------------------------------------------------------------------


@pytest.fixture
def store():
    with closing(Store(None)) as opened:
        opened.name_all({1: OWNERS[1]})
        yield opened


def captured(store, version, days, mode=Mode.WINDOW):
    """Capture whole days, given as day → ids; say what was added, changed and removed."""
    draft = begun(store, version, mode=mode)
    for day, ids in days.items():
        store.stage(draft, [{"id": each} for each in ids], day)
    found = store.compare(draft, None)
    store.accept(draft)
    return found.added, found.changed, found.removed


def test_a_record_that_moves_over_midnight_lies_in_its_new_day_once_both_came(store):
    captured(store, 5, {D1: [1, 2], D2: [3]})
    assert captured(store, 6, {D1: [1], D2: [2, 3]}) == (0, 0, 0)
    assert lying(store) == {(D1, 1), (D2, 2), (D2, 3)}
    assert captured(store, 7, {D2: [3]}) == (0, 0, 1)


def test_a_record_that_moved_out_of_a_day_that_is_fetched_later_is_not_lost(store):
    """A stream by the day of the last change, say: a backfill of its old day has it no more."""
    captured(store, 5, {D1: [1, 2], D2: [3]})
    assert captured(store, 6, {D2: [2, 3]}) == (0, 0, 0)
    assert lying(store) == {(D1, 1), (D1, 2), (D2, 3)}
    assert captured(store, 7, {D1: [1]}) == (0, 0, 0)
    assert lying(store) == {(D1, 1), (D2, 2), (D2, 3)}
    assert captured(store, 8, {D2: [3]}) == (0, 0, 1)
    assert lying(store) == {(D1, 1), (D2, 3)}


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("rain", [0, 1])
def test_an_answer_that_ignores_its_day_takes_nothing_from_the_days_that_did_not_come(store, rain):
    """Neither then nor when the day comes well again; changed records neither."""
    captured(store, 5, {D1: [1, 2], D2: [3]})
    draft = begun(store, 6)
    store.stage(draft, [{"id": each, "rain": rain} for each in (1, 2, 3, 4)], D3)
    store.compare(draft, None)
    store.accept(draft)
    assert lying(store) == {(D1, 1), (D1, 2), (D2, 3), (D3, 4)}
    assert captured(store, 7, {D3: [4]}) == (0, 1, 0)
    assert lying(store) == {(D1, 1), (D1, 2), (D2, 3), (D3, 4)}
    assert besides(store) == set()
    assert captured(store, 8, {D1: [1]}) == (0, 1, 1), "it is gone from its own day, and no other"


def test_a_day_that_brings_what_it_brought_before_does_not_repeat_another(store):
    captured(store, 5, {D1: [1], D2: [2]})
    draft = begun(store, 6)
    store.stage(draft, [{"id": 1}], D2)
    assert store.days(draft) == [DayCount(day=D2, fetched=1, before=1, repeated=True)]
    store.compare(draft, None)
    store.accept(draft)
    assert lying(store) == {(D1, 1)}
    draft = begun(store, 7)
    store.stage(draft, [{"id": 1}], D2)
    assert store.days(draft) == [DayCount(day=D2, fetched=1, before=0)]


def test_the_days_that_a_record_came_in_beside_its_own_are_bounded(store):
    captured(store, 5, {D1: [1]})
    later = [f"2026-04-{day:02}" for day in range(1, windows.BESIDE_MAX + 3)]
    for number, day in enumerate(later):
        captured(store, 6 + number, {day: [1]})
    assert besides(store) == {(1, day) for day in later[-windows.BESIDE_MAX :]}
    captured(store, 99, {D1: []})
    assert lying(store) == {(later[-1], 1)}


def test_a_record_that_lies_on_the_border_of_two_days_is_one_record(store):
    captured(store, 5, {D1: [1], D2: [1]})
    assert captured(store, 6, {D1: [1], D2: [1]}) == (0, 0, 0)
    assert captured(store, 7, {D1: [], D2: [1]}) == (0, 0, 0)
    assert captured(store, 8, {D1: [1], D2: []}) == (0, 0, 0)
    assert captured(store, 9, {D2: []}) == (0, 0, 0)
    assert captured(store, 10, {D1: [], D2: []}) == (0, 0, 1)


def test_a_day_that_came_empty_loses_its_records_and_one_that_failed_keeps_them(store):
    captured(store, 5, {D1: [1], D2: [2], D3: [3]})
    assert captured(store, 6, {D1: []}) == (0, 0, 1)
    assert lying(store) == {(D2, 2), (D3, 3)}


def test_of_a_day_that_failed_half_way_nothing_stays_and_nothing_goes(store):
    captured(store, 5, {D1: [1], D2: [2, 3]})
    draft = begun(store, 6)
    store.stage(draft, [{"id": 1, "rain": "new"}], D1)
    store.stage(draft, [{"id": 1, "rain": "half"}, {"id": 2, "rain": "half"}, {"id": 4}], D2)
    store.drop_day(draft, D2)
    store.drop_day(draft, D3)
    found = store.compare(draft, None)
    store.accept(draft)
    assert (found.fetched, found.added, found.changed, found.removed) == (1, 0, 1, 0)
    shown = store.show(*HERE, after=None, limit=10).records
    assert shown == [{"id": 1, "rain": "new"}, {"id": 2}, {"id": 3}]


@pytest.mark.requirement("B5")
def test_a_day_that_is_empty_where_there_was_data_can_be_seen_and_refused(store):
    captured(store, 5, {D1: [1, 2], D2: [3]})
    draft = begun(store, 6)
    store.stage(draft, [], D1)
    store.stage(draft, [{"id": 3}, {"id": 4}, {"id": 4}], D2)
    store.stage(draft, [{"id": 3}], D2)
    store.stage(draft, [], D3)
    assert store.days(draft) == [
        DayCount(day=D1, fetched=0, before=2),
        DayCount(day=D2, fetched=4, before=1, duplicates=2),
        DayCount(day=D3, fetched=0, before=0),
    ]
    store.drop_day(draft, D1)
    assert store.compare(draft, None).removed == 0


def test_what_came_before_a_stream_had_windows_stays_until_it_comes_in_one(store):
    captured(store, 5, {None: [1, 2]}, Mode.FULL)
    assert captured(store, 6, {D1: [1], D2: []}) == (0, 0, 0)
    assert captured(store, 7, {D1: []}) == (0, 0, 1)
    assert lying(store) == {(None, 2)}


def test_a_field_that_only_a_failed_day_had_is_no_column(store):
    draft = begun(store, 5)
    store.stage(draft, [{"id": 1, "rain": 3}], D1)
    store.stage(draft, [{"id": 2, "error": "half"}], D2)
    store.drop_day(draft, D2)
    store.compare(draft, None)
    store.accept(draft)
    found = store._connection.execute("SELECT * FROM weather_days")
    assert [column for column, *_ in found.description] == ["tenant", "connection", "id", "rain"]


def test_the_shapes_of_records_are_bounded_over_all_days(store):
    draft = begun(store, 5)
    for day in DAYS:
        store.stage(draft, [{"id": each, f"f{each}": 1} for each in range(800)], day)
    kept = [len(batch.shapes) for batch in draft.batches.values()]
    assert kept == [800, drafts.SHAPES_MAX - 800, 0]


def test_a_day_is_found_without_reading_the_other_days(store):
    """Measured with 500,000 records in 500 days: 1 ms for 7 of them, and 210 ms without."""
    for statement in (windows._COUNT, windows._MOVE, windows._REMOVE):
        names = {"stream": 1, "version": 5, "days": "[]"}
        plan = store._connection.execute(f"EXPLAIN QUERY PLAN {statement}", names).fetchall()
        assert "SEARCH record USING INDEX daily (stream=? AND day=?)" in [row[3] for row in plan]


@pytest.mark.parametrize("day", [None, D1])
def test_a_key_cannot_be_staged_twice_for_one_day(store, day):
    again = "INSERT INTO staged (stream, version, key, digest, day) VALUES (1, 5, '1', x'00', ?)"
    store._connection.execute(again, (day,))
    with pytest.raises(sqlite3.IntegrityError):
        store._connection.execute(again, (day,))


@pytest.mark.parametrize(
    ("mode", "day"),
    [(Mode.WINDOW, None), (Mode.WINDOW, ""), (Mode.WINDOW, "20260301"), (Mode.FULL, D1)],
)
def test_a_day_is_given_where_there_are_windows_and_is_an_iso_date(store, mode, day):
    draft = begun(store, 5, mode=mode)
    with pytest.raises((AssertionError, ValueError)):
        store.stage(draft, [{"id": 1}], day)
    assert store.compare(draft, None).rows == 0


# -- a full disk ----------------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path):
    """A store with two days in force and fetched again, a third to come, and nothing free."""
    with closing(Store(tmp_path / "data")) as opened:
        captured(opened, 5, {D1: range(100), D2: range(100, 1100)})
        draft = begun(opened, 6)
        opened.stage(draft, [{"id": each, "rain": 1} for each in range(50)], D1)
        opened.stage(draft, [], D2)
        opened._connection.execute("VACUUM")
        (used,) = opened._connection.execute("PRAGMA page_count").fetchone()
        opened._connection.execute(f"PRAGMA max_page_count = {used}")
        yield opened, draft


def make_room(store):
    store._connection.execute("PRAGMA max_page_count = 1000000")


def test_a_day_that_the_disk_had_no_room_for_does_not_count_as_fetched(full):
    store, draft = full
    with pytest.raises(StoreFull):
        store.stage(draft, [{"id": each, "rain": "x" * 500} for each in range(200, 250)], D3)
    assert [each.day for each in store.days(draft)] == [D1, D2]
    make_room(store)
    assert store.compare(draft, None).removed == 50 + 1000


def test_a_full_disk_while_comparing_days_loses_nothing_and_can_be_tried_again(full):
    store, draft = full
    with pytest.raises(StoreFull):
        store.compare(draft, None)
    assert len(lying(store)) == 1100
    make_room(store)
    assert store.compare(draft, None).removed == 50 + 1000


def test_a_day_that_could_not_be_dropped_does_not_count_as_fetched(full, tmp_path):
    store, draft = full
    store._connection.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(tmp_path / "data", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBroken):
            store.drop_day(draft, D2)
    make_room(store)
    assert store.compare(draft, None).removed == 50


# -- as tasks see it ------------------------------------------------------------------------------


async def test_a_task_fetches_days_counts_drops_compares_and_finds_its_position(store):
    storage = Storage(store, OneThread())
    draft = await storage.begin(
        1, "weather", "days", version=5, mode=Mode.WINDOW, primary_key=("id",), secret=SECRET
    )
    async with trio.open_nursery() as nursery:
        for number, day in enumerate(DAYS):
            nursery.start_soon(storage.stage, draft, [{"id": number}], day)
    await storage.drop_day(draft, D3)
    assert await storage.days(draft) == [DayCount(day=day, fetched=1, before=0) for day in (D1, D2)]
    found = await storage.compare(draft, '"c5"', {"id": "integer"})
    await storage.accept(draft)
    assert found.rows == 2
    assert await storage.position(*HERE) == Position(cursor='"c5"', types={"id": "integer"})
