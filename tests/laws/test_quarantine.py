"""What is held, against a model that is a plain dict: it is never visible, and never lost."""

import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.store import doubts, profiles, quarantine
from daemon.store.core import Position, Store, StoreFull
from daemon.store.profiles import Broken
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

WHERE = (1, "days")
D1, D2 = "2026-03-01", "2026-03-02"
MODES = [Mode.FULL, Mode.FULL, Mode.INCREMENTAL, Mode.WINDOW]


# -- what may happen ------------------------------------------------------------------------------


@dataclass
class Sync:
    """`fate` is what is recorded of it; it may die before the store has followed."""

    mode: Mode
    records: list
    cursor: str | None
    fate: str
    dies: bool
    day: str = D1


@dataclass
class Accept:
    """It may die once it is staged, or once it is recorded; or be abandoned."""

    dies: str


@dataclass
class Drop:
    dies: bool


records = st.lists(
    st.builds(
        lambda key, rain, more: {"id": key, "rain": rain, **more},
        st.integers(1, 5),
        st.integers(0, 1),
        st.sampled_from([{}, {}, {"a": 1}, {"b": 1}, {"c": 1}]),
    ),
    max_size=5,
)
syncs = st.builds(
    Sync,
    mode=st.sampled_from(MODES),
    records=records,
    cursor=st.sampled_from([None, '"a"', '"b"', '"c"']),
    fate=st.sampled_from(["captured", "captured", "held", "held", "held", "refused", "lost"]),
    dies=st.booleans(),
    day=st.sampled_from([D1, D2]),
)
steps = st.one_of(
    syncs,
    syncs,
    st.builds(Accept, st.sampled_from(["", "", "staged", "recorded", "abandoned"])),
    st.builds(Drop, st.booleans()),
)


# -- the model ------------------------------------------------------------------------------------


@dataclass
class Version:
    rows: dict
    lies: dict  # key → (its day, others that it came in)
    cursor: str | None = None
    fields: frozenset = frozenset()  # those of all that ever came into force


@dataclass
class HeldModel:
    version: int
    base: int
    content: Version


class AgainstTheModel:
    def __init__(self, directory):
        self.lives = Lives(directory)
        self.seq = 10
        self.known = {0: Version({}, {})}
        self.held = None

    @property
    def store(self):
        return self.lives.store

    @property
    def head(self):
        return max(self.known)

    def step(self, step):
        self.seq += 1
        match step:
            case Sync():
                self.sync(step)
            case Accept():
                self.accept(step)
            case Drop():
                self.drop(step)
        self.check()

    def sync(self, sync):
        draft = self.store.begin(
            1,
            "weather",
            "days",
            version=self.seq,
            mode=sync.mode,
            primary_key=("id",),
            secret=SECRET,
        )
        day = sync.day if sync.mode is Mode.WINDOW else None
        self.store.stage(draft, sync.records, day)
        self.store.compare(draft, sync.cursor)
        after = self.after(sync)
        match sync.fate:
            case "captured":
                self.known[self.seq] = after
            case "held":
                self.held = HeldModel(self.seq, self.head, after)
        if sync.dies:
            self.die()
            return
        match sync.fate:
            case "captured":
                self.store.accept(draft)
            case "held":
                self.store.hold(draft)
            case "refused":
                self.store.change(partial(doubts.refuse, draft=draft))
            case _:
                self.store.drop(draft)

    def after(self, sync):
        before = self.known[self.head]
        came = {record["id"]: record for record in sync.records}
        rows, lies = {**before.rows, **came}, dict(before.lies)
        if sync.mode is Mode.WINDOW:
            lies = lying_after(lies, [(sync.day, key) for key in came], [sync.day])
        else:
            for key, row in came.items():
                if row != before.rows.get(key):
                    lies[key] = None, before.lies.get(key, (None, frozenset()))[1]
        if sync.mode is Mode.FULL:
            lies = {key: where for key, where in lies.items() if key in came}
        rows = {key: rows[key] for key in lies}
        fields = before.fields.union(*sync.records)
        return Version(rows, lies, sync.cursor or before.cursor, fields)

    def accept(self, accept):
        held = self.held
        staged = self.store.change(
            partial(
                doubts.stage,
                whose=1,
                provider="weather",
                stream="days",
                held=held.version if held else 1,
                version=self.seq,
            )
        )
        if held is None or held.base != self.head:
            assert staged is None, "newer data is in force"
            return
        draft, offer = staged
        assert (offer.rows, offer.digest) == (
            len(held.content.rows),
            digest_of(held.content.rows.values()),
        )
        if accept.dies == "staged":
            self.die()
        elif accept.dies == "abandoned":
            self.store.drop(draft)
        else:
            self.known[self.seq], self.held = held.content, None
            if accept.dies == "recorded":
                self.die()
                return
            self.store.accept(draft)
            self.gone(held.version)

    def drop(self, drop):
        if self.held is None:
            return
        version, self.held = self.held.version, None
        if drop.dies:
            self.die()
        else:
            self.gone(version)

    def gone(self, version):
        self.store.change(partial(doubts.drop, whose=1, stream="days", version=version))

    def die(self):
        held = {WHERE: self.held.version} if self.held else {}
        self.lives.die({WHERE: self.head}, self.seq, held)

    def check(self):
        """What is visible and what was, is the model's; what is held lies apart, whole."""
        visible = self.known[self.head]
        if self.seq > 11 or self.head:
            self.check_visible(visible)
        for version, content in self.known.items():
            assert self.lives.then(WHERE, version) == texts_of(content.rows.values())
        shown = self.store.ask(partial(quarantine.show, whose=1, stream="days", provider="weather"))
        assert (shown is None) == (self.held is None)
        if shown is None:
            for table in ("held", "heldmove", "besideheld"):
                rows = self.store._connection.execute(f"SELECT count(*) FROM {table}").fetchone()
                assert rows == (0,), "what is held no more is gone"
            return
        assert (shown.version, shown.base) == (self.held.version, self.held.base)
        if shown.base == self.head:
            self.check_examples(shown, visible.rows, self.held.content.rows)
        else:
            assert shown.examples == quarantine.Examples(), "what it would change may be gone"

    def check_visible(self, visible):
        page = self.store.show(*WHERE, after=None, limit=1000)
        if page is None:
            return
        assert texts_of(page.records) == texts_of(visible.rows.values())
        assert page.version == self.head
        assert self.store.position(*WHERE) == Position(cursor=visible.cursor)
        lying = self.store._connection.execute(
            "SELECT CAST(key AS INTEGER), day FROM record WHERE until IS NULL"
        )
        assert dict(lying.fetchall()) == {key: day for key, (day, _) in visible.lies.items()}
        assert besides(self.store) == {
            (key, day) for key, (_, others) in visible.lies.items() for day in others
        }
        if self.head:
            shown = self.store._connection.execute("SELECT * FROM weather_days LIMIT 1")
            columns = {column for column, *_ in shown.description} - {"tenant", "connection"}
            assert columns == visible.fields, "what was doubted has no columns"

    def check_examples(self, shown, before, after):
        some = shown.examples
        assert len(some.added) == min(5, len(after.keys() - before.keys())) == shown.offer.added
        assert len(some.removed) == len(before.keys() - after.keys()) == shown.offer.removed
        assert {text_of(new) for _, new in some.changed} == {
            text_of(after[key]) for key in before.keys() & after.keys() if before[key] != after[key]
        }


ROW = {"id": 1, "rain": 0}
STORY = [
    Sync(Mode.FULL, [ROW], '"a"', "captured", dies=False),
    Sync(Mode.FULL, [], '"b"', "held", dies=True),
    Sync(Mode.WINDOW, [ROW], None, "held", dies=False),
    Accept("staged"),
    Accept("recorded"),
    Drop(dies=True),
]


@pytest.mark.requirement("B5")
@given(st.lists(steps, min_size=2, max_size=12))
@example(STORY)
@settings(max_examples=150)
def test_what_is_held_is_never_visible_and_never_lost_until_somebody_says_so(history):
    """Through syncs of every kind, acceptances, drops, and deaths at any step."""
    with tempfile.TemporaryDirectory() as name:
        pair = AgainstTheModel(Path(name))
        for step in history:
            pair.step(step)
        pair.store.close()


# -- a full disk ----------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / "data")) as opened:
        opened.name_all({1: OWNERS[1]})
        captured(opened, 5, [{"id": 1, "text": "old"}])
        yield opened


def begun(store, version, mode=Mode.FULL):
    return store.begin(
        1, "weather", "days", version=version, mode=mode, primary_key=("id",), secret=SECRET
    )


def captured(store, version, records, mode=Mode.FULL, **types):
    draft = begun(store, version, mode)
    store.stage(draft, records)
    found = store.compare(draft, None, types or None)
    store.accept(draft)
    return found


def held(store):
    return store.ask(partial(quarantine.show, whose=1, stream="days", provider="weather"))


def test_what_finds_no_room_to_be_held_is_held_before_the_next_sync(store):
    draft = begun(store, 6)
    store.stage(draft, [{"id": number, "text": "x" * 500} for number in range(500)])
    store.compare(draft, None)
    store._connection.execute("VACUUM")
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFull):
        store.hold(draft)
    assert held(store) is None
    store._connection.execute("PRAGMA max_page_count = 1000000")
    begun(store, 7)
    assert held(store).version == 6
    assert store.show(1, "days", after=None, limit=9).records == [{"id": 1, "text": "old"}]


def columns(store):
    found = store._connection.execute("SELECT * FROM weather_days LIMIT 1").description
    return [column for column, *_ in found][2:]


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("fate", ["refused", "held", "dropped"])
def test_the_fields_of_what_is_doubted_take_no_column_from_those_of_good_data(store, fate):
    draft = begun(store, 6)
    store.stage(draft, [{"id": n, **{f"{n}-{each}": 1 for each in range(200)}} for n in range(10)])
    store.compare(draft, None)
    match fate:
        case "refused":
            store.change(partial(doubts.refuse, draft=draft))
        case "held":
            store.hold(draft)
        case _:
            store.drop(draft)
    captured(store, 7, [{"id": 1, "text": "new", "price": 9}])
    assert columns(store) == ["id", "text", "price"]


@pytest.mark.requirement("B5")
def test_the_fields_of_what_was_held_are_columns_once_it_is_taken_over(store):
    draft = begun(store, 6)
    store.stage(draft, [{"id": 1, "price": 9}])
    store.compare(draft, None)
    store.hold(draft)
    assert columns(store) == ["id", "text"]
    staged = partial(doubts.stage, whose=1, provider="weather", stream="days", held=6, version=8)
    draft, _ = store.change(staged)
    store.accept(draft)
    assert columns(store) == ["id", "text", "price"]
    assert store._connection.execute("SELECT id, price FROM weather_days").fetchall() == [(1, 9)]


def test_a_held_version_that_the_log_does_not_know_is_dropped(store):
    draft = begun(store, 6)
    store.stage(draft, [])
    store.compare(draft, None)
    store.hold(draft)
    store.reconcile({(1, "weather", "days"): 5}, 9)
    assert held(store) is None


# -- what records look like -----------------------------------------------------------------------


def rows(count, **fields):
    return [{"id": number, **fields} for number in range(count)]


def differs(store, version, records, mode=Mode.FULL, **types):
    """How many fields are no longer as before, and their names, of what is refused for it."""
    draft = begun(store, version, mode)
    store.stage(draft, records)
    found = store.compare(draft, None, types or None)
    store.change(partial(doubts.refuse, draft=draft))
    kept = store.ask(partial(quarantine.doubted, whose=1, stream="days", provider="weather"))
    assert kept.version == version
    assert len(kept.broken) == found.fields
    return kept.broken


@pytest.mark.requirement("B5")
def test_a_field_that_every_record_had_is_missed_and_one_that_some_had_is_not(store):
    captured(store, 6, [*rows(20, rain=1, wind=2, note=None), {"id": 99, "rain": 1, "note": None}])
    assert differs(store, 7, rows(20, rain=1, note=None)) == Broken()
    assert differs(store, 8, rows(20, wind=2, note=1)) == Broken(gone=["rain"])
    assert differs(store, 9, [*rows(19, wind=2), {"id": 5, "rain": 1, "note": 0}]) == Broken()


@pytest.mark.requirement("B5")
def test_a_type_that_all_had_and_none_has_is_noticed(store):
    captured(store, 6, rows(20, rain=1, wind=None))
    assert differs(store, 7, rows(20, rain=1.5, wind="x")) == Broken()
    assert differs(store, 8, rows(20, rain=None, wind=None)) == Broken()
    broken = differs(store, 9, rows(20, rain="1", wind=None))
    assert broken == Broken(retyped={"rain": ("number", "text")})
    one = [*rows(19, rain="1", wind=None), {"id": 3, "rain": 1, "wind": 2}]
    assert differs(store, 10, one) == Broken()
    assert differs(store, 11, rows(20, rain=[], wind={})).retyped == {"rain": ("number", "list")}


def test_a_report_whose_types_widen_is_not_doubted(store):
    captured(store, 6, rows(20, rain=1), rain="integer")
    assert differs(store, 7, rows(20, rain="1"), rain="text") == Broken()
    assert differs(store, 8, rows(20), rain="text") == Broken(gone=["rain"])


@pytest.mark.parametrize(("before", "now"), [(19, 20), (20, 19)])
def test_of_few_records_nothing_is_said(store, before, now):
    captured(store, 6, rows(before, rain=1))
    assert differs(store, 7, rows(now)) == Broken()


def test_a_small_answer_in_between_makes_nobody_forget(store):
    captured(store, 6, rows(20, rain=1))
    captured(store, 7, rows(3))
    assert differs(store, 8, rows(20)) == Broken(gone=["rain"])


def test_what_is_new_may_be_of_one_kind_by_chance(store):
    """Of deltas only what they have in common with what was before is known of all."""
    delta = Mode.INCREMENTAL
    captured(store, 6, rows(20, rain=1), delta)
    captured(store, 7, rows(20, rain=1, wind=2), delta)
    assert differs(store, 8, rows(20, rain=1), delta) == Broken()
    captured(store, 9, rows(20, wind=2), delta)
    assert differs(store, 10, rows(20), delta) == Broken()


def test_records_with_any_number_of_fields_are_not_spoken_of(store):
    many = [{"id": n, **{f"f{each}": each for each in range(n * 150)}} for n in range(20)]
    captured(store, 6, rows(20, rain=1))
    captured(store, 7, many)
    assert differs(store, 8, rows(20)) == Broken(gone=["rain"])


def test_of_many_names_some_are_kept(store):
    captured(store, 6, rows(20, **{f"f{each}": 1 for each in range(100)}))
    draft = begun(store, 7)
    store.stage(draft, rows(20))
    assert store.compare(draft, None).fields == 100
    store.change(partial(doubts.refuse, draft=draft))
    kept = store.ask(partial(quarantine.doubted, whose=1, stream="days", provider="weather"))
    assert len(kept.broken.gone) == profiles.SHOWN_MAX
