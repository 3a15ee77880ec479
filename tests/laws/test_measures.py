"""Watched fields are measured in what a version wrote, once, however it came and whoever died."""

import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.store import doubts, measures, pruning, restoring
from daemon.store.core import Store
from daemon.store.measures import SAMPLE_ROWS_MAX, VERSIONS_MAX
from events.terms import Mode
from projections import value_sketch
from projections.value_sketch import Measures
from tests.laws.stores import SECRET, Lives

pytestmark = pytest.mark.requirement("D5")

WATCH = ("km", "at.place")
DAYS = (1, "weather", "days")


def begun(store, version, mode=Mode.INCREMENTAL, watch=WATCH):
    draft = store.begin(*DAYS, version=version, mode=mode, primary_key=("id",), secret=SECRET)
    draft.watch = watch
    return draft


def staged(store, version, rows, pages=1, **rest):
    draft = begun(store, version, **rest)
    for page in range(pages):
        store.stage(draft, rows[page::pages])
    store.compare(draft, None)
    return draft


def accepted(store, version, rows, pages=1, **rest):
    store.accept(staged(store, version, rows, pages, **rest))


def kept(store, to=10**9, since=0):
    return store.ask(
        partial(measures.kept, subject=1, provider="weather", stream="days", since=since, to=to)
    )


def versions(store):
    return [version for version, _ in kept(store)]


def row(number, km=5.0, place="here"):
    return {"id": number, "km": km, "at": {"place": place}}


ROWS = [row(each, km=each / 2, place="ab"[each % 2]) for each in range(30)]


@pytest.fixture
def store():
    with closing(Store(None)) as opened:
        yield opened


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"id": st.integers(0, 30)},
            optional={
                "km": st.one_of(
                    st.none(), st.integers(), st.floats(-1e9, 1e9), st.text(max_size=3)
                ),
                "at": st.one_of(st.fixed_dictionaries({"place": st.text(max_size=2)}), st.none()),
            },
        ),
        unique_by=lambda each: each["id"],
        min_size=1,
        max_size=30,
    ),
    dice=st.randoms(use_true_random=False),
    pages=st.integers(1, 4),
)
def test_neither_the_order_of_rows_nor_of_pages_changes_what_is_kept(rows, dice, pages):
    shuffled = [*rows]
    dice.shuffle(shuffled)
    with closing(Store(None)) as one, closing(Store(None)) as other:
        accepted(one, 5, rows)
        accepted(other, 5, shuffled, pages)
        assert kept(one) == kept(other)
        assert kept(one)[0][1].fields["km"].rows == len(rows)


def test_it_is_of_what_was_written_and_of_nothing_twice(store):
    accepted(store, 5, [*ROWS, *ROWS])  # each key comes twice
    accepted(store, 9, [*ROWS[:20], row(20, km=7000), {"id": 99, "km": 5.0, "at": None}])
    accepted(store, 12, ROWS[:20])
    (first, of_first), (second, of_second) = kept(store)
    assert (first, second) == (5, 9), "what wrote nothing has no values"
    assert of_first.fields["km"].rows == 30
    assert sorted(of_first.fields["at.place"].hashes.values()) == [15, 15]
    km, place = of_second.fields["km"], of_second.fields["at.place"]
    assert km.numbers == {value_sketch.bucket(7000): 1, value_sketch.bucket(5): 1}
    assert (place.rows, place.nulls, place.texts) == (2, 1, 1)
    assert kept(store, to=8) == kept(store)[:1]
    assert kept(store, since=5) == kept(store)[1:]


def test_each_kind_of_value_counts_as_what_it_is(store):
    values = [5, 5.5, "5", True, False, None, [5], {"a": 5}]
    rows = [{"id": each, "km": value} for each, value in enumerate(values)]
    accepted(store, 5, rows, watch=("km", "length(km)", "to_number(km)"))
    fields = kept(store)[0][1].fields
    km = fields["km"]
    assert (km.rows, km.nulls, km.texts, sum(km.numbers.values())) == (8, 1, 3, 2)
    assert fields["length(km)"].nulls == 5, "to these it does not apply"
    assert sum(fields["to_number(km)"].numbers.values()) == 3


def test_no_value_lies_in_what_is_kept(store):
    accepted(store, 5, [row(each, place=f"Baker Street {each}") for each in range(3)])
    assert "Baker" not in str(kept(store))
    assert len(kept(store)[0][1].fields["at.place"].hashes) == 3


def test_of_a_large_version_it_is_a_sample_that_hangs_on_no_order(store):
    rows = [row(each, km=each) for each in range(SAMPLE_ROWS_MAX + 500)]
    accepted(store, 5, rows)
    ((_, found),) = kept(store)
    assert found.fields["km"].rows == SAMPLE_ROWS_MAX
    assert value_sketch.quantile(found.fields["km"].numbers, 0.5) == pytest.approx(750, rel=0.1)
    with closing(Store(None)) as other:
        accepted(other, 5, rows[::-1], pages=3)
        assert kept(other) == kept(store)


@pytest.mark.parametrize(
    ("recorded", "found"), [({}, []), ({(1, "days"): 7}, [7])], ids=["never recorded", "recorded"]
)
def test_who_dies_before_it_is_in_force_leaves_nothing_twice(recorded, found):
    with tempfile.TemporaryDirectory() as directory:
        lives = Lives(Path(directory))
        staged(lives.store, 7, ROWS)
        assert versions(lives.store) == [], "nothing is kept of what is only staged"
        lives.die(recorded, 8)
        assert versions(lives.store) == found
        lives.die(recorded, 8)
        assert versions(lives.store) == found
        accepted(lives.store, 9, [*ROWS, *(row(each) for each in range(100, 105))])
        assert versions(lives.store) == [*found, 9]
        assert kept(lives.store)[-1][1].fields["km"].rows == (5 if found else 35)
        lives.store.close()


def test_what_died_half_staged_is_not_in_the_next_versions_values():
    with tempfile.TemporaryDirectory() as directory:
        lives = Lives(Path(directory))
        lives.store.stage(begun(lives.store, 7), ROWS)
        lives.die({}, 7)
        accepted(lives.store, 9, ROWS[:3])
        assert [(each, of.fields["km"].rows) for each, of in kept(lives.store)] == [(9, 3)]
        lives.store.close()


def test_what_was_refused_or_is_held_does_not_count_but_does_once_it_is_accepted(store):
    accepted(store, 5, ROWS)
    draft = staged(store, 7, [row(each, km=1e6) for each in range(30)])
    store.change(partial(doubts.refuse, draft=draft))
    store.hold(staged(store, 9, [row(each, km=2e6) for each in range(30)]))
    assert versions(store) == [5]
    again, _ = store.change(
        partial(doubts.stage, whose=1, provider="weather", stream="days", held=9, version=11)
    )
    assert versions(store) == [5]
    store.accept(again)
    assert versions(store) == [5, 11]
    assert kept(store)[-1][1].fields["km"].numbers == {value_sketch.bucket(2e6): 30}


def test_of_held_values_nothing_is_left_when_they_are_dropped(store):
    accepted(store, 5, ROWS)
    store.hold(staged(store, 9, [*ROWS[:3], row(77)]))
    store.change(partial(doubts.drop, whose=1, stream="days", version=9))
    accepted(store, 12, [row(88)])
    assert versions(store) == [5, 12]


def test_a_rollback_says_to_what_it_went_back(store):
    accepted(store, 5, ROWS)
    accepted(store, 7, [row(each, km=1e6) for each in range(30)])
    draft = begun(store, 9)
    place = restoring.start(5)
    while place is not None:
        place = store.change(partial(restoring.stage, draft=draft, of=5, place=place))
    store.change(partial(restoring.conclude, draft=draft, of=5))
    assert versions(store) == [5, 7]
    store.accept(draft)
    assert kept(store)[-1] == (9, Measures(back=5))


def test_it_is_kept_when_the_version_is_not(store):
    for version in (5, 7, 9):
        accepted(store, version, [row(version)])
    whose = {"subject": 1, "provider": "weather", "stream": "days"}
    while store.change(partial(pruning.some, **whose, before=9)):
        pass
    listed = store.ask(lambda connection: connection.execute("SELECT version FROM version"))
    assert [version for (version,) in listed] == [9]
    assert versions(store) == [5, 7, 9]


def test_of_a_stream_so_many_versions_are_kept(store):
    for version in range(1, VERSIONS_MAX + 4):
        accepted(store, version, [row(version)])
    assert versions(store) == [*range(4, VERSIONS_MAX + 4)]


def test_where_nothing_is_watched_or_may_be_kept_nothing_is(store):
    accepted(store, 5, ROWS, watch=())
    draft = begun(store, 7)
    draft.profiled = False
    store.stage(draft, [row(77)])
    store.compare(draft, None)
    store.accept(draft)
    assert versions(store) == []


def test_what_is_forgotten_of_a_connection_is_what_is_held_too(store):
    accepted(store, 5, ROWS)
    store.hold(staged(store, 9, [row(77)]))
    store.change(partial(measures.forget, subjects=[2]))
    assert versions(store) == [5]
    store.change(partial(measures.forget, subjects=[1]))
    store.accept(
        store.change(
            partial(doubts.stage, whose=1, provider="weather", stream="days", held=9, version=11)
        )[0]
    )
    assert versions(store) == []
