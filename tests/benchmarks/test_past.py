"""Is the past that benchmarks are asked about one that a daemon could have lived?"""

import collections
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from events import schema
from events.audit import audit
from events.terms import FailureClass
from projections import world as worlds
from projections.world import World
from tests.benchmarks import long_log, past
from tests.benchmarks.past import Past
from tests.e2e.daemon import unended

EVENTS = 30_000
DAYS = 60
END = datetime(2026, 11, 1, 6, tzinfo=UTC)
BEGIN = END - timedelta(days=DAYS)
TENANTS = 3


def drawn(seed: int = 1, events: int = EVENTS) -> Past:
    return past.anonymous(events, BEGIN, END, TENANTS, seed)


def test_it_has_as_many_events_as_were_wanted_between_its_two_moments():
    found = list(past.recorded(drawn()))
    assert [each.seq for each in found] == list(range(1, EVENTS + 1))
    assert all(before.at <= after.at for before, after in pairwise(found))
    assert (found[0].at, found[-1].at) == (BEGIN, END)


def test_a_seed_gives_one_past_and_another_seed_another():
    first, again, other = (list(past.recorded(drawn(seed))) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_world_folds_it_and_every_sync_ends_once():
    world = World()
    events = []
    for recorded in past.recorded(drawn()):
        worlds.fold(world, recorded)
        kind = type(recorded.event).__struct_config__.tag
        events.append(
            {"seq": recorded.seq, "type": kind, "sync": getattr(recorded.event, "sync", None)}
        )
    assert unended(events) == []
    assert world.fleet.succeeded > 10 * world.fleet.failed > 0
    assert not world.fleet.running


def test_it_has_all_that_a_year_brings():
    kinds = {type(each.event) for each in past.recorded(drawn(3, 100_000))}
    assert kinds >= {
        schema.RetryScheduled,
        schema.RetriesEnded,
        schema.TokenRefreshed,
        schema.BreakerOpened,
        schema.BreakerClosed,
        schema.RecordsRefused,
        schema.CallMade,
        schema.CallFailed,
        schema.SyncRequested,
        schema.LimitHeld,
        schema.AllowanceTaken,
    }


def test_failures_come_in_bursts():
    """An hour with one is far more likely than any other to have another."""
    failed = [
        each.at
        for each in past.recorded(drawn())
        if isinstance(each.event, schema.SyncFailed) and each.event.cause is FailureClass.SERVER
    ]
    near = sum(after - before < timedelta(hours=1) for before, after in pairwise(failed))
    assert near > len(failed) / 4


def test_volumes_follow_weekday_and_hour():
    brought: collections.Counter[bool] = collections.Counter()
    for each in past.recorded(drawn()):
        if isinstance(each.event, schema.RecordsCaptured):
            brought[each.at.weekday() >= 5] += each.event.added
    assert brought[False] / 5 > 1.3 * brought[True] / 2


def test_too_few_events_for_so_many_days_are_refused():
    with pytest.raises(ValueError, match="too few"):
        past.plan(100, 365)


def test_the_real_writer_leaves_a_log_that_verifies(tmp_path):
    assert long_log.write(tmp_path, past.recorded(drawn())) == EVENTS
    found = audit(tmp_path / "log", [], 1)
    assert (found.finding, found.events) == (None, EVENTS)
    assert list(long_log.read(tmp_path)) == list(past.recorded(drawn()))
