"""When did something new come, as far as syncs have seen?"""

import pytest
from hypothesis import given as law
from hypothesis import strategies as st

from events import schema, versions
from events.terms import Kind, RunOptions
from projections import rhythm
from projections.rhythm import Arrival
from tests.policy.rhythms import begun
from tests.policy.transcript import HOUR, MINUTE, NOON, ONE, captured, finish, lost

pytestmark = pytest.mark.requirement("A17")


def known(life):
    return life.world.connections[ONE].rhythm


def arrived(after, found, looks=1):
    return Arrival(after=NOON + after, found=NOON + found, looks=looks)


def after(life, hours, new=0, **more):
    life.now = NOON + hours * HOUR
    life.sync(new, **more)


def test_what_is_found_came_since_the_look_before_it():
    life = begun()
    after(life, 6)
    after(life, 12)
    after(life, 18, new=2)
    assert rhythm.arrivals(known(life)) == (arrived(12 * HOUR, 18 * HOUR, looks=3),)
    assert rhythm.last_found(known(life)) == NOON + 18 * HOUR
    assert (known(life).looks, known(life).empty, known(life).since) == (3, 0, NOON)


def test_a_changed_or_a_removed_record_is_news_as_an_added_one_is():
    for counts in ({"changed": 1}, {"removed": 1}):
        life = begun()
        after(life, 6, **counts)
        assert rhythm.arrivals(known(life)) == (arrived(0 * HOUR, 6 * HOUR),)


def test_a_first_load_is_none():
    life = begun()
    assert (known(life).looks, rhythm.arrivals(known(life))) == (0, ())
    assert rhythm.last_found(known(life)) is None
    assert known(life).looked == NOON


def test_of_a_stream_that_is_new_neither():
    life = begun()
    life.now = NOON + 6 * HOUR
    life.fold(ONE, schema.SyncStarted(kind="scheduled", due=life.now, priority=5))
    life.fold(ONE, captured(life.world.seq, "alerts"))
    life.decide(finish(life.world.seq - 1, "alerts"))
    assert rhythm.arrivals(known(life)) == ()
    assert known(life).empty == 1


def test_a_sync_that_failed_did_not_look():
    life = begun()
    after(life, 6, failures=(lost(),))
    after(life, 12, new=1)
    assert rhythm.arrivals(known(life)) == (arrived(0 * HOUR, 12 * HOUR),)


def partly(life, hours, new, **more):
    """A sync of one stream, while the other one failed."""
    life.now = NOON + hours * HOUR
    life.fold(ONE, schema.SyncStarted(kind="scheduled", due=life.now, priority=5, **more))
    sync = life.world.seq
    life.fold(ONE, captured(sync, added=new, changed=0, removed=0))
    life.decide(finish(sync, "days", failures=() if more else (lost("alerts"),)))


@pytest.mark.parametrize("more", [{}, {"streams": ("days",)}], ids=["failed", "asked"])
def test_one_that_saw_a_part_can_find_but_not_tell_that_there_is_nothing(more):
    life = begun()
    partly(life, 6, 0, **more)
    assert known(life).looked == NOON
    partly(life, 12, 1, **more)
    assert rhythm.arrivals(known(life)) == (arrived(0 * HOUR, 12 * HOUR),)


@pytest.mark.parametrize(
    "more", [{"kind": Kind.BACKFILL}, {"options": RunOptions(failed_days=True)}]
)
def test_days_of_the_past_are_no_news(more):
    life = begun()
    life.now = NOON + 6 * HOUR
    life.fold(ONE, schema.SyncStarted(**{"kind": "manual", "due": NOON, "priority": 5} | more))
    sync = life.world.seq
    life.fold(ONE, captured(sync))
    life.decide(finish(sync, "days"))
    assert (known(life).looks, rhythm.arrivals(known(life))) == (0, ())


def test_what_was_held_and_is_accepted_is_no_news():
    life = begun()
    life.fold(ONE, captured(99))
    after(life, 6)
    assert rhythm.arrivals(known(life)) == ()


def rolled_back(streams):
    return versions.RolledBack(to=1, scope="data", started=9, streams=streams)


def test_after_going_back_the_next_sync_finds_what_was_there_before():
    was = versions.StreamRestored(
        stream="days", of=5, rows=3, digest="00", added=0, changed=0, removed=0
    )
    life = begun()
    life.fold(ONE, rolled_back((was,)))
    after(life, 6, new=5)
    assert (known(life).looks, rhythm.arrivals(known(life))) == (0, ())
    after(life, 12, new=5)
    assert rhythm.arrivals(known(life)) == (arrived(6 * HOUR, 12 * HOUR),)


def test_going_back_in_its_state_alone_changes_nothing():
    life = begun()
    before = known(life)
    life.fold(ONE, rolled_back(()))
    assert known(life) == before


def test_what_was_removed_and_comes_back_has_its_past_but_not_what_came_meanwhile():
    life = begun()
    after(life, 6, new=1)
    life.fold(ONE, schema.ConnectionRemoved())
    life.fold(ONE, schema.ConnectionAdded(tenant=2, provider=1))
    after(life, 60, new=1)
    assert rhythm.arrivals(known(life)) == (arrived(0 * HOUR, 6 * HOUR),)
    assert rhythm.unsure(rhythm.NOTHING) == rhythm.NOTHING


def test_a_clock_that_steps_back_tells_nothing():
    life = begun()
    after(life, -6, new=1)
    assert (known(life).looked, rhythm.arrivals(known(life))) == (NOON - 6 * HOUR, ())


def test_what_comes_several_times_an_hour_counts_once():
    life = begun()
    for minutes in (5, 20, 40):
        life.now = NOON + HOUR + minutes * MINUTE
        life.sync(new=1)
    assert rhythm.arrivals(known(life)) == (arrived(0 * HOUR, HOUR + 5 * MINUTE, looks=3),)


def test_the_last_ones_are_kept_and_what_was_seldom_looked_for_is_no_wider_than_six_weeks():
    life = begun()
    for n in range(1, 60):
        after(life, 6 * n, new=1)
    kept = rhythm.arrivals(known(life))
    assert len(kept) == rhythm.KEPT
    assert kept[-1] == arrived(58 * 6 * HOUR, 59 * 6 * HOUR)
    after(life, 24 * 365, new=1)
    last = rhythm.arrivals(known(life))[-1]
    assert last.found - last.after == rhythm.NUMBER_MAX * MINUTE


@law(st.lists(st.tuples(st.integers(1, 10**6), st.booleans()), max_size=90))
def test_however_it_goes_it_stays_small_and_in_order(steps):
    of, now = rhythm.NOTHING, NOON
    for minutes, news in steps:
        now += minutes * MINUTE
        of = rhythm._looked(of, now, news=news)
        kept = rhythm.arrivals(of)
        assert len(of.rows) <= rhythm.KEPT * rhythm.ROW.size
        assert all(each.after < each.found for each in kept)
        assert list(kept) == sorted(kept, key=lambda each: each.found)
        assert of.looked == now
