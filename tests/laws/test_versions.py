"""Any version of a stream, and the difference of any two, against dicts that the test keeps."""

import itertools
import json
from contextlib import closing
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.store import differences, versions
from daemon.store.core import Store
from daemon.store.differences import NOTHING, Change
from daemon.store.versions import NotKept
from events.terms import Mode
from tests.laws.stores import OWNERS, SECRET

D1, D2 = DAYS = ["2026-03-01", "2026-03-02"]
records = st.builds(
    lambda key, rain: {"id": key, "rain": rain}, st.integers(1, 6), st.integers(0, 2)
)
pages = st.lists(st.tuples(st.sampled_from(DAYS), st.lists(records, max_size=4)), max_size=4)
syncs = st.tuples(st.sampled_from([*Mode]), pages, st.sampled_from(["accepted"] * 4 + ["dropped"]))


class Model:
    """What each version holds: key → record; and in which day each of its records lies."""

    def __init__(self):
        self.versions = {NOTHING: {}}
        self._days = {}

    def sync(self, version, mode, pages):
        rows = dict(self.versions[max(self.versions)])
        came = {}
        for day, found in pages:
            for record in found:
                came[record["id"]] = (day, record)
        gone = set()
        if mode is Mode.FULL:
            gone = rows.keys() - came.keys()
        elif mode is Mode.WINDOW:
            fetched = {day for day, _ in pages}
            gone = {key for key in rows.keys() - came.keys() if self._days.get(key) in fetched}
        for key, (day, record) in came.items():
            if mode is Mode.WINDOW:
                self._days[key] = day
            elif rows.get(key) != record:
                self._days.pop(key, None)
            rows[key] = record
        for key in gone:
            del rows[key]
            self._days.pop(key, None)
        self.versions[version] = rows

    def difference(self, first, second):
        before, after = self.versions[first], self.versions[second]
        return {
            json.dumps(key): (before.get(key), after.get(key))
            for key in before.keys() | after.keys()
            if before.get(key) != after.get(key)
        }


def sync(store, version, mode, pages, fate="accepted"):
    draft = store.begin(
        1, "weather", "days", version=version, mode=mode, primary_key=("id",), secret=SECRET
    )
    for day, found in pages:
        store.stage(draft, found, day if mode is Mode.WINDOW else None)
    store.compare(draft, None)
    store.accept(draft) if fate == "accepted" else store.drop(draft)


def seen(store, version, *, limit, scan):
    """All records of a version, page after page."""
    found, after = [], None
    while True:
        page = store.ask(
            partial(
                versions.show,
                subject=1,
                stream="days",
                after=after,
                limit=limit,
                version=version,
                scan=scan,
            )
        )
        assert len(page.records) <= limit
        found += page.records
        if page.after is None:
            assert page.rows == len(found)
            return found
        assert after is None or page.after > after, "it goes on"
        after = page.after


def differing(store, first, second, **bounds):
    """All that differs, page after page."""
    pages, after = [], None
    while True:
        ask = partial(
            differences.between,
            subject=1,
            stream="days",
            provider="weather",
            first=first,
            second=second,
            after=after,
            **bounds,
        )
        pages.append(store.ask(ask))
        after = pages[-1].after
        if after is None:
            return pages


KINDS = {(True, False): "added", (True, True): "changed", (False, True): "removed"}


def kind(change: Change):
    return KINDS[change.after is not None, change.before is not None]


@pytest.mark.requirement("X4")
@given(st.lists(syncs, min_size=1, max_size=8), st.integers(1, 4), st.integers(1, 5))
@settings(max_examples=150)
def test_any_version_and_the_difference_of_any_two_are_the_models(history, limit, scan):
    """In all modes, whatever was dropped in between, both ways, in pages of any size."""
    model = Model()
    with closing(Store(None)) as store:
        store.name_all({1: OWNERS[1]})
        for number, (mode, pages, fate) in enumerate(history, start=10):
            sync(store, number, mode, pages, fate)
            if fate == "accepted":
                model.sync(number, mode, pages)
        for version in model.versions.keys() - {NOTHING}:
            rows = model.versions[version]
            assert seen(store, version, limit=limit, scan=scan) == [
                rows[key] for key in sorted(rows)
            ]
        if len(model.versions) == 1:
            return
        for first, second in itertools.product(model.versions, repeat=2):
            expected = model.difference(first, second)
            pages = differing(store, first, second, limit=limit, scan=scan)
            changes = [each for page in pages for each in page.changes]
            assert {each.key: (each.before, each.after) for each in changes} == expected
            assert len(changes) == len(expected), "no record comes twice"
            assert all(each.kind == kind(each) for each in changes)
            low, high = sorted((first, second))
            assert all(low < each.version <= high for each in changes)
            counted = differing(store, first, second, limit=limit, scan=scan, counted=True)
            for name in ("added", "changed", "removed"):
                number = sum(each.kind == name for each in changes)
                assert sum(getattr(page, name) for page in pages) == number
                assert sum(getattr(page, name) for page in counted) == number


@given(st.lists(syncs, min_size=1, max_size=8))
@settings(max_examples=50)
def test_the_listing_has_what_was_accepted_the_newest_first(history):
    accepted = {}
    model = Model()
    with closing(Store(None)) as store:
        for number, (mode, pages, fate) in enumerate(history, start=10):
            sync(store, number, mode, pages, fate)
            if fate == "accepted":
                model.sync(number, mode, pages)
                accepted[number] = len(model.versions[number])
        found = store.ask(
            partial(
                versions.listed, subject=1, stream="days", provider=None, last=2**63 - 1, limit=99
            )
        )
    assert [(each.version, each.rows) for each in found] == sorted(accepted.items(), reverse=True)
    assert [each.current for each in found] == [True, *[False] * (len(found) - 1)][: len(found)]


@pytest.fixture
def store():
    with closing(Store(None)) as opened:
        opened.name_all({1: OWNERS[1]})
        sync(opened, 10, Mode.FULL, [(D1, [{"id": 1, "rain": 1}, {"id": 2, "rain": 2}])])
        sync(opened, 20, Mode.FULL, [(D1, [{"id": 2, "rain": 3}, {"id": 3, "rain": 4}])])
        yield opened


@pytest.mark.parametrize("version", [9, 15, 21])
def test_a_version_that_there_is_not_is_refused_and_the_oldest_named(store, version):
    for question in (
        partial(versions.show, after=None, limit=9, version=version),
        partial(
            differences.between, provider="weather", first=version, second=20, after=None, limit=9
        ),
    ):
        with pytest.raises(NotKept) as refused:
            store.ask(partial(question, subject=1, stream="days"))
        assert (refused.value.version, refused.value.oldest) == (version, 10)


def test_what_is_staged_is_no_version_yet(store):
    draft = store.begin(
        1, "weather", "days", version=30, mode=Mode.FULL, primary_key=("id",), secret=SECRET
    )
    store.stage(draft, [{"id": 9, "rain": 9}])
    store.compare(draft, None)
    with pytest.raises(NotKept):
        store.ask(partial(versions.show, subject=1, stream="days", after=None, limit=9, version=30))
    assert [each["id"] for each in seen(store, 20, limit=9, scan=9)] == [2, 3]


def test_a_place_that_is_none_of_ours_is_refused(store):
    for after in ("x", "[1]", '{"row": 1}', "[0,1,2]"):
        with pytest.raises(ValueError, match=r"\S"):
            store.ask(
                partial(
                    differences.between,
                    subject=1,
                    stream="days",
                    provider="weather",
                    first=10,
                    second=20,
                    after=after,
                    limit=9,
                )
            )


def test_of_a_stream_that_is_not_known_nothing_is_said(store):
    none = {"subject": 1, "stream": "nights"}
    assert store.ask(partial(versions.show, after=None, limit=9, **none)) is None
    between = partial(differences.between, provider="weather", first=10, second=20, **none)
    assert store.ask(partial(between, after=None, limit=9)) is None


def plan(store, call):
    """How SQLite answers what a call asks: each line of its plans."""
    asked = []
    store._connection.set_trace_callback(asked.append)
    call()
    store._connection.set_trace_callback(None)
    return [
        row[3]
        for statement in asked
        if "FROM record" in statement
        for row in store._connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]


def test_nothing_is_read_without_an_index_and_nothing_is_sorted(store):
    """So that a page costs what it shows, and a difference what differs."""
    found = plan(store, lambda: seen(store, 10, limit=1, scan=2))
    found += plan(store, lambda: differing(store, 10, 20, limit=1))
    assert found
    for line in found:
        assert "TEMP B-TREE" not in line
        assert not line.startswith("SCAN")
    assert any("since=? AND rowid>?" in line for line in found), "it goes on inside a version"
