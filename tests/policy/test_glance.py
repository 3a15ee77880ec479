"""In which facts does somebody see how anybody stands, and what has changed?"""

import pytest

from daemon.decide import glance
from daemon.decide.glance import Turn
from events import schema
from events.breakers import BreakerReason
from events.schema import FLEET
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    PROVIDER,
    REMOVED,
    RUNNING,
    SYNC,
    TENANT,
    captured,
    given,
    setting,
    succeeded,
    wanted,
)

pytestmark = pytest.mark.requirement("F3")

NEW = {
    "state": "idle",
    "condition": "unknown",
    "streak": 0,
    "breaker": "closed",
    "next_start": NOON,
    "grant": "none",
    "provider": PROVIDER,
    "writes": 0,
    "declared": False,
}


def facts(*past, of=ONE, now=NOON):
    return glance.of(given(*past).world, of, now)


def test_of_a_new_connection_there_is_no_score_and_nothing_holds_it_back():
    assert facts(*KNOWN) == NEW


def test_what_runs_and_what_is_paused_say_so():
    assert facts(*RUNNING)["state"] == "running"
    paused = facts(*KNOWN, (ONE, PAUSED))
    assert (paused["state"], paused["held_by"]) == ("paused", "paused")
    assert "next_start" not in paused


def test_of_a_stream_there_are_its_version_its_rows_and_what_it_owes():
    found = facts(*RUNNING, (ONE, captured(SYNC)), (ONE, succeeded(SYNC)))
    assert found["score"] == 100
    assert {name: each for name, each in found.items() if name.startswith("streams.")} == {
        "streams.days.version": SYNC,
        "streams.days.rows": 5,
        "streams.days.failures": 0,
        "streams.days.days_owed": 0,
    }


def test_a_backfill_says_how_many_days_are_left():
    assert facts(*KNOWN, (ONE, wanted(1, 10)))["backfill_days"] == 10


def test_of_a_provider_a_tenant_and_the_fleet_there_are_their_own_facts():
    past = (*RUNNING, (TENANT, setting(interval=HOUR)))
    assert facts(*past, of=PROVIDER) == {"breaker": "closed", "connections": 1, "retired": False}
    assert facts(*past, of=TENANT) == {"connections": 1, "settings.interval": HOUR}
    fleet = {"connections": 1, "running": 1, "succeeded": 0, "failed": 0}
    assert facts(*past, of=FLEET) == fleet


def test_whoever_is_not_there_has_no_facts():
    assert facts(*KNOWN, of=OTHER) == {}
    assert facts(*KNOWN, (ONE, REMOVED)) == {}


def test_a_breaker_that_only_time_eases_is_seen_to_be_eased():
    opened = schema.BreakerOpened(reason=BreakerReason.SYNCS, until=NOON + HOUR)
    past = (*KNOWN, (ONE, opened))
    assert facts(*past)["breaker"] == "open"
    assert facts(*past)["held_until"] == NOON + HOUR
    assert facts(*past, now=NOON + HOUR)["breaker"] == "half-open"


def test_turns_are_what_has_become_something_else():
    before, after = {"score": 95, "state": "idle", "held_by": "x"}, {"score": 85, "state": "idle"}
    assert glance.turns(before, {**after, "grant": "good"}) == [
        Turn(fact="score", before=95, after=85),
        Turn(fact="held_by", before="x", after=None),
        Turn(fact="grant", before=None, after="good"),
    ]
    assert glance.turns(before, before) == []
