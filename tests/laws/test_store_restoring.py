"""Going back, and pruning, against a model that keeps every version of a stream as dicts.

Random syncs in all modes, rollbacks, rollbacks of rollbacks, prunes, and deaths at any step: what
is kept is what the model has, and what goes on from it is what would have come without them.
"""

import json
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.store import pruning, restoring
from daemon.store.core import Position, Store, StoreFull
from daemon.store.restoring import NotTheSame, Restored
from daemon.store.versions import NotKept
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
FATES = ["accepted"] * 4 + ["accepted, then died", "recorded, then died", "compared, then died"]
FATES += ["staged, then died", "dropped"]


# -- what happens ---------------------------------------------------------------------------------


@dataclass
class Sync:
    mode: Mode
    pages: list  # of (day, records)
    fate: str
    cursor: str | None = None


@dataclass
class Back:
    """Go back to one of the versions that are kept, or before the first (0): whichever `pick`."""

    pick: int
    fate: str


@dataclass
class Prune:
    """Keep those from one of them on; die after so many steps, if ever."""

    pick: int
    dies_after: int | None


records = st.builds(
    lambda key, rain: {"id": key, "rain": rain}, st.integers(1, 6), st.integers(0, 2)
)
pages = st.lists(st.tuples(st.sampled_from(DAYS), st.lists(records, max_size=4)), max_size=4)
fates = st.sampled_from(FATES)
cursors = st.none() | st.integers(1, 9).map(json.dumps)
syncs = st.builds(Sync, st.sampled_from([*Mode]), pages, fates, cursors)
acts = st.one_of(
    syncs,
    syncs,
    st.builds(Back, st.integers(0, 20), fates),
    st.builds(Prune, st.integers(0, 20), st.none() | st.integers(0, 3)),
)


# -- the model ------------------------------------------------------------------------------------


@dataclass
class Version:
    """Its rows, by key, where the next fetch goes on, and the day that each row lies in."""

    rows: dict = field(default_factory=dict)
    cursor: str | None = None
    days: dict = field(default_factory=dict)

    @property
    def digest(self):
        return digest_of(self.rows.values())


class AgainstTheModel:
    def __init__(self, directory):
        self.lives = Lives(directory)
        self.seq = 10
        self.versions = {0: Version()}
        self.recorded = 0  # the version that the log says is in force
        self.pruned_before = 0
        self.others = {}  # of what is in force: key → days that it came in beside its own

    @property
    def store(self):
        return self.lives.store

    def act(self, act):
        self.seq += 1
        match act:
            case Sync():
                self.sync(act)
            case Back():
                self.back(act)
            case Prune():
                self.prune(act)
        self.check()

    # What a sync does, as in the other laws.

    def sync(self, sync):
        before = self.versions[self.recorded]
        draft = self.begin(sync.mode)
        came, order = {}, []
        windowed = sync.mode is Mode.WINDOW
        for day, found in sync.pages:
            self.store.stage(draft, found, day if windowed else None)
            came |= {record["id"]: record for record in found}
            order += [(day, record["id"]) for record in found]
        if sync.fate == "staged, then died":
            self.die()
            return
        lies = {key: (day, self.others.get(key, frozenset())) for key, day in before.days.items()}
        if windowed:
            lies = lying_after(lies, order, {day for day, _ in sync.pages})
        else:
            for key, record in came.items():
                if before.rows.get(key) != record:
                    lies[key] = None, self.others.get(key, frozenset())
            if sync.mode is Mode.FULL:
                lies = {key: where for key, where in lies.items() if key in came}
        rows = {key: came.get(key) or before.rows[key] for key in lies}
        days = {key: day for key, (day, _) in lies.items()}
        after = Version(rows, sync.cursor or before.cursor, days)
        found = self.store.compare(draft, sync.cursor)
        assert (found.rows, found.digest) == (len(rows), after.digest)
        self.settle(sync.fate, draft, after, {key: others for key, (_, others) in lies.items()})

    def back(self, back):
        of = [*self.versions][back.pick % len(self.versions)]
        if of and of < self.pruned_before:
            self.refused(of)
            return
        before, was = self.versions[self.recorded], self.versions[of]
        ids = self.lives.ids(HERE)
        draft = self.begin(Mode.FULL)
        stage(self.store, draft, of)
        if back.fate == "staged, then died":
            self.die()
            return
        assert self.conclude(draft, of) == Restored(
            rows=len(was.rows),
            digest=was.digest,
            added=len(was.rows.keys() - before.rows.keys()),
            changed=sum(was.rows[key] != before.rows[key] for key in was.rows.keys() & before.rows),
            removed=len(before.rows.keys() - was.rows.keys()),
        )
        others = {key: days for key, days in self.others.items() if key in was.rows}
        self.settle(back.fate, draft, Version(was.rows, was.cursor, was.days), others)
        if self.recorded == self.seq:
            same = [
                row
                for key, row in was.rows.items()
                if before.rows.get(key) == row and before.days[key] == was.days[key]
            ]
            kept = {text for text, _ in ids & self.lives.ids(HERE)}
            assert kept >= set(texts_of(same)), "it was written again"

    def refused(self, of):
        draft = self.begin(Mode.FULL)
        with pytest.raises(NotKept) as refused:
            self.conclude(draft, of)
        assert refused.value.oldest == min(each for each in self.versions if each)
        self.store.drop(draft)

    def prune(self, prune):
        kept = [each for each in self.versions if each]
        if not kept:
            return
        self.pruned_before = max(self.pruned_before, kept[prune.pick % len(kept)])
        self.clear(prune.dies_after)
        if prune.dies_after is not None:
            self.die()
            self.clear(None)
        self.versions = {
            each: known
            for each, known in self.versions.items()
            if each == 0 or each >= self.pruned_before
        }
        (left,) = self.store.ask(
            lambda connection: connection.execute(
                "SELECT count(*) FROM record WHERE until <= ?", (self.pruned_before,)
            ).fetchone()
        )
        assert not left, "what nobody needs is gone"

    def clear(self, steps):
        """In steps of two rows, so many at most."""
        while steps is None or steps > 0:
            steps = None if steps is None else steps - 1
            if not self.store.change(partial(small_step, before=self.pruned_before)):
                return

    def settle(self, fate, draft, after, others):
        if "accepted" in fate or "recorded" in fate:
            self.versions[self.seq] = after
            self.recorded = self.seq
            self.others = others
        if "accepted" in fate:
            self.store.accept(draft)
        elif fate == "dropped":
            self.store.drop(draft)
        if "died" in fate:
            self.die()

    def begin(self, mode):
        return self.store.begin(
            1,
            "weather",
            "days",
            version=self.seq,
            mode=mode,
            primary_key=("id",),
            secret=SECRET,
        )

    def conclude(self, draft, of):
        return self.store.change(partial(restoring.conclude, draft=draft, of=of))

    def die(self):
        self.lives.die({HERE: self.recorded} if self.recorded else {}, self.seq)

    def lying(self):
        found = self.store.ask(
            lambda connection: connection.execute(
                "SELECT CAST(key AS INTEGER), day FROM record WHERE until IS NULL"
            ).fetchall()
        )
        return dict(found)

    def check(self):
        if not self.recorded:
            return
        page = self.store.show(*HERE, after=None, limit=1000)
        last = self.versions[self.recorded]
        assert texts_of(page.records) == texts_of(last.rows.values())
        assert page.version == self.recorded
        assert self.store.position(*HERE) == Position(cursor=last.cursor)
        for version, model in self.versions.items():
            if version:
                assert self.lives.then(HERE, version) == texts_of(model.rows.values())
        assert self.lying() == last.days, "where a record lies goes back, too"
        assert besides(self.store) == {
            (key, day) for key, days in self.others.items() for day in days
        }


def stage(store, draft, of):
    """In steps of two rows, so that there are many."""
    place = restoring.start(of)
    while place is not None:
        before, restoring.STEP_ROWS = restoring.STEP_ROWS, 2
        try:
            place = store.change(partial(restoring.stage, draft=draft, of=of, place=place))
        finally:
            restoring.STEP_ROWS = before


def small_step(connection, before):
    whole, pruning.STEP_ROWS = pruning.STEP_ROWS, 2
    try:
        return pruning.some(connection, *HERE, "weather", before)
    finally:
        pruning.STEP_ROWS = whole


MOVED = [
    Sync(Mode.WINDOW, [(D1, [{"id": 1, "rain": 0}])], "accepted"),
    Sync(Mode.WINDOW, [(D2, [{"id": 1, "rain": 1}])], "accepted"),
    Sync(Mode.WINDOW, [(D3, [{"id": 1, "rain": 0}])], "accepted"),
    Back(1, "recorded, then died"),
    Sync(Mode.WINDOW, [(D3, [])], "accepted"),
]


@pytest.mark.requirement("F5")
@pytest.mark.requirement("X4")
@pytest.mark.requirement("B13")
@given(st.lists(acts, min_size=3, max_size=12))
@example(MOVED)
@settings(max_examples=250)
def test_whatever_goes_back_or_is_pruned_every_kept_version_is_what_it_was(history):
    """Counts, digest, cursor, what is not written again, every version, through any death."""
    with tempfile.TemporaryDirectory() as name:
        pair = AgainstTheModel(Path(name))
        for act in history:
            pair.act(act)
        pair.store.close()


# -- as if nothing had happened -------------------------------------------------------------------

days = st.sampled_from(DAYS)
truths = st.dictionaries(days, st.dictionaries(st.integers(1, 6), st.integers(0, 1), max_size=4))
good = st.tuples(st.lists(days, max_size=2, unique=True), truths)
"""Which days come, and what the provider has by then."""

IGNORED = [([D1, D2], {D1: {1: 0, 2: 0}, D2: {3: 0}})]
"""Then an answer for the third day that ignores which day it was asked for."""


def came(store, version, asked, answers):
    """Sync some days; `answers` is day → ids → rain."""
    draft = begun(store, version, Mode.WINDOW)
    for day in asked:
        found = answers.get(day, {})
        store.stage(draft, [{"id": key, "rain": rain} for key, rain in found.items()], day)
    found = store.compare(draft, None)
    store.accept(draft)
    return found


def stands(store):
    page = store.show(*HERE, after=None, limit=100)
    listed = "SELECT key, day, body FROM record WHERE until IS NULL ORDER BY key"
    lying = store.ask(lambda connection: connection.execute(listed).fetchall())
    return page and page.rows, lying, besides(store)


@pytest.mark.requirement("F5")
@pytest.mark.requirement("C4")
@given(st.lists(good, min_size=1, max_size=3), good, st.lists(good, min_size=1, max_size=3))
@example(IGNORED, ([D3], {D3: {1: 0, 2: 0, 3: 1, 4: 0}}), [([D3], {D3: {4: 0}}), ([D1], {})])
@example(IGNORED, ([D1, D2], {D2: {1: 0}}), [([D1], {D1: {1: 0, 2: 0}}), ([D2], {D2: {3: 0}})])
@settings(max_examples=250)
def test_a_rollback_and_the_next_sync_are_as_if_nothing_had_been_broken(before, broken, after):
    """Whatever came in whichever days: rows, the day of each, and all that comes of it later.

    The next sync fetches the days again that came in vain, since those go back, too.
    """
    with closing(Store(None)) as hit, closing(Store(None)) as spared:
        for store in (hit, spared):
            store.name_all({1: OWNERS[1]})
            for number, (asked, truth) in enumerate(before):
                came(store, 10 + number, asked, truth)
        as_it_was = stands(hit)[:2]
        came(hit, 20, *broken)
        back(hit, 21, 9 + len(before))
        assert stands(hit)[:2] == as_it_was
        (asked, truth), *later = after
        for number, (days, has) in enumerate([(sorted({*asked, *broken[0]}), truth), *later]):
            found = [came(store, 30 + number, days, has) for store in (hit, spared)]
            assert found[0] == found[1]
            assert stands(hit) == stands(spared)


# -- one by one -----------------------------------------------------------------------------------


@pytest.fixture
def store():
    with closing(Store(None)) as opened:
        opened.name_all({1: OWNERS[1]})
        yield opened


def begun(store, version, mode=Mode.FULL):
    return store.begin(
        1, "weather", "days", version=version, mode=mode, primary_key=("id",), secret=SECRET
    )


def captured(store, version, *records, cursor=None):
    draft = begun(store, version)
    store.stage(draft, [*records])
    store.compare(draft, cursor)
    store.accept(draft)


def back(store, version, of):
    draft = begun(store, version)
    stage(store, draft, of)
    restored = store.change(partial(restoring.conclude, draft=draft, of=of))
    store.accept(draft)
    return restored


def shown(store):
    page = store.show(*HERE, after=None, limit=10)
    return page.version, page.records, store.position(*HERE).cursor


def test_records_and_cursor_go_back_together_and_forth_again(store):
    captured(store, 5, {"id": 1, "a": 1}, {"id": 2, "a": 1}, cursor='"c5"')
    captured(store, 6, {"id": 2, "a": 2}, {"id": 3, "a": 1}, cursor='"c6"')
    found = back(store, 7, 5)
    assert (found.added, found.changed, found.removed) == (1, 1, 1)
    assert shown(store) == (7, [{"id": 1, "a": 1}, {"id": 2, "a": 1}], '"c5"')
    assert back(store, 8, 6).digest == digest_of([{"id": 2, "a": 2}, {"id": 3, "a": 1}])
    assert shown(store) == (8, [{"id": 2, "a": 2}, {"id": 3, "a": 1}], '"c6"')


def test_before_the_first_version_there_was_nothing(store):
    captured(store, 5, {"id": 1}, cursor='"c5"')
    assert back(store, 6, 0) == Restored(rows=0, digest="00" * 16, added=0, changed=0, removed=1)
    assert shown(store) == (6, [], None)


def test_what_does_not_come_out_as_it_was_never_comes_into_force(store):
    """A row that was damaged on the disk since: its text is not what was noted of it."""
    captured(store, 5, {"id": 1, "a": 1})
    captured(store, 6, {"id": 1, "a": 2})
    damage = 'UPDATE record SET body = \'{"a":7,"id":1}\' WHERE until IS NOT NULL'
    store._connection.execute(damage)
    draft = begun(store, 7)
    stage(store, draft, 5)
    with pytest.raises(NotTheSame, match="version 5 had 1 rows"):
        store.change(partial(restoring.conclude, draft=draft, of=5))
    store.drop(draft)
    assert shown(store)[:2] == (6, [{"id": 1, "a": 2}])


def test_several_streams_come_into_force_at_once_or_not_at_all(tmp_path):
    with closing(Store(tmp_path / "data")) as store:
        store.name_all({1: OWNERS[1]})
        captured(store, 5, {"id": 1})
        first = begun(store, 6)
        store.stage(first, [{"id": 2}])
        store.compare(first, None)
        second = store.begin(
            1, "weather", "hours", version=6, mode=Mode.FULL, primary_key=("id",), secret=SECRET
        )
        store.stage(second, [{"id": number, "text": "x" * 100} for number in range(2000)])
        store.compare(second, None)
        store._connection.execute("VACUUM")
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreFull):
            store.accept(first, second)
        assert shown(store)[0] == 5
        store._connection.execute("PRAGMA max_page_count = 1000000")
        store.make_up(first, second)
        assert shown(store)[:2] == (6, [{"id": 2}])
        store.make_up(first, second)  # which is nothing: they are made up for
        captured(store, 7, {"id": 3})
        store.make_up(first)
        assert shown(store)[0] == 7, "what came into force since is not undone by what was late"


@pytest.mark.parametrize("statement", [*restoring._WRITTEN, *restoring._REPLACED])
def test_what_differs_is_found_without_reading_the_rest(store, statement):
    names = {"stream": 1, "version": 5, "row": 7, "limit": 9}
    plan = store._connection.execute(f"EXPLAIN QUERY PLAN {statement}", names).fetchall()
    (step,) = [row[3] for row in plan]
    assert step.startswith("SEARCH record USING COVERING INDEX"), step
    assert "TEMP B-TREE" not in step


@pytest.mark.parametrize("statement", [*restoring._GONE, *restoring._BACK])
def test_what_it_was_is_found_by_its_key(store, statement):
    names = {"stream": 1, "version": 5, "of": 4, "ids": "[]"}
    plan = store._connection.execute(f"EXPLAIN QUERY PLAN {statement}", names).fetchall()
    assert not [row[3] for row in plan if row[3].startswith("SCAN record")]


def test_which_versions_are_older_than_those_kept_by_number(store):
    for version in (5, 6, 8, 9):
        captured(store, version, {"id": version})
    older = partial(pruning.older, subject=1, stream="days", provider="weather")
    assert store.ask(partial(older, kept=2, most=10)) == ([5, 6, 8], 1)
    assert store.ask(partial(older, kept=2, most=1)) == ([5, 6], 2)
    assert store.ask(partial(older, kept=4, most=10)) == ([], 4)
    other = partial(pruning.older, subject=2, stream="days", provider="weather")
    assert store.ask(partial(other, kept=2, most=10)) == ([], 0)
    assert not store.change(partial(pruning.some, subject=2, stream="days", provider="x", before=9))


def test_what_is_staged_meanwhile_is_not_pruned(store):
    captured(store, 5, {"id": 1, "a": 1})
    captured(store, 6, {"id": 1, "a": 2})
    draft = begun(store, 7)
    store.stage(draft, [{"id": 1, "a": 3}])
    store.compare(draft, None)
    gone = partial(pruning.some, subject=1, stream="days", provider="weather", before=6)
    assert [store.change(gone) for _ in range(3)] == [1, 1, 0]
    store.accept(draft)
    assert shown(store)[1] == [{"id": 1, "a": 3}]
    assert texts_of([{"id": 1, "a": 2}]) == [
        text_of(json.loads(body))
        for (body,) in store._connection.execute("SELECT body FROM record WHERE until = 7")
    ]
