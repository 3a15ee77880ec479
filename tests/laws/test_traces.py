"""What came to a connection is the same, read from the read model or from its own events."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.read_model import traces as kept
from daemon.read_model.traces import Asked
from events import consent, schema, terms, versions
from projections import arrivals, drift, freshness, traces
from projections.drift import Rule
from tests.benchmarks.history import history as weeks
from tests.laws.test_journal import live, lives
from tests.laws.test_read_model import at_once, in_portions, with_consents

pytestmark = pytest.mark.requirement("D5")
BACK = versions.RolledBack(
    to=9,
    scope=terms.RollbackScope.DATA,
    started=8,
    streams=(versions.StreamRestored(stream="days", of=9, rows=5, digest="00"),),
)
DOUBTED = schema.RecordsRefused(
    stream="sleep",
    version=8,
    rows=9,
    cause=terms.FailureClass.MALFORMED,
    fetched=3,
    guard=terms.Guard.SCHEMA,
    fields=2,
)


def consents(written, subject):
    """Whether its tenant does at the end, which is 1000 above it."""
    said, believed = None, True
    for each in written:
        match each.event:
            case consent.MonitoringSet(consent=how):
                believed = how is consent.Believed.ASSUMED
            case consent.ConsentGranted() | consent.ConsentWithdrawn():
                if each.subject == subject + 1000:
                    said = isinstance(each.event, consent.ConsentGranted)
    return believed if said is None else said


def by_the_log(written, asked):
    some = (e for e in written if e.subject == asked.connection and asked.after < e.seq)
    found = (traces.trace(each) for each in some if each.seq <= asked.last)
    return arrivals.gathered((each for each in found if each), asked.since, asked.until)


def asked_of(written, subject, after, last=None):
    """What came after that event; the law holds however far apart that and `since` are."""
    last = last or written[-1].seq
    return Asked(
        connection=subject,
        after=after,
        last=last,
        since=written[max(0, after - 1)].at,
        until=written[last - 1].at + timedelta(hours=1),
    )


def eventful(written, seed, share=0.03):
    """The same, but that now and then something happens that drift has to know of."""
    cut = random.Random(seed)
    happens = [
        schema.ConnectionPaused(),
        schema.ConnectionResumed(),
        schema.ConnectionRelinked(provider=1, before=1),
        BACK,
        DOUBTED,
    ]
    return [
        replace(each, event=cut.choice(happens))
        if isinstance(each.event, schema.SyncScheduled) and cut.random() < share
        else each
        for each in written
    ]


@given(lives, st.data())
@settings(max_examples=60)
def test_of_any_life_it_is_what_the_log_says(life, data):
    written, world = live(life)
    model = at_once(written)
    for subject in world.connections:
        after = data.draw(st.integers(0, len(written) - 1))
        asked = asked_of(written, subject, after)
        assert kept.came(asked, model.connection) == by_the_log(written, asked)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_where_consent_came_and_went_or_time_did_it_is_that_or_nothing(seed):
    """Five months, of which three are kept one by one; all that is since then is there."""
    written = eventful(with_consents(weeks(3, 8000, seed), seed, 0.002), seed)
    model, dice = in_portions(written, random.Random(seed), 400), random.Random(seed)
    oldest = model.connection.execute("SELECT min(seq) FROM occurrence").fetchone()[0]
    assert oldest > 1000, "some were forgotten"
    there = 0
    for subject in (2, 3, 4):
        first = model.connection.execute(
            "SELECT seq FROM trace WHERE connection = ? AND word = 'kept'", (subject,)
        ).fetchone()
        reach = max(oldest - 1, first[0] if first else 0)
        if not consents(written, subject):
            reach = len(written) + 1
        some = [0, 500, reach - 1, reach, *(dice.randrange(len(written)) for _ in range(20))]
        for after in (each for each in some if each < len(written)):
            asked = asked_of(written, subject, after)
            found = kept.came(asked, model.connection)
            assert (found is not None) == (after >= reach), (after, reach)
            if found is not None:
                there += len(found.captures)
                assert found == by_the_log(written, asked)
    assert there > 100


def test_what_is_behind_has_nothing_to_say():
    written = weeks(2, 400)
    model = at_once(written[:300])
    assert kept.came(asked_of(written, 2, 0), model.connection) is None
    asked = asked_of(written, 2, 0, 300)
    assert kept.came(asked, model.connection) == by_the_log(written, asked)


def test_what_is_too_much_at_once_is_left_to_the_log(monkeypatch):
    written = weeks(2, 400)
    model, asked = at_once(written), asked_of(written, 2, 0)
    found = kept.came(asked, model.connection)
    monkeypatch.setattr(kept, "TRACES_MAX", len(found.captures))
    assert kept.came(asked, model.connection) is None, "that it was added is one more"
    monkeypatch.setattr(kept, "TRACES_MAX", len(found.captures) + 1)
    assert kept.came(asked, model.connection) == found


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_so_verdicts_and_freshness_are_the_same_to_the_microsecond(zone):
    """In zones too whose days begin at half past an hour."""
    written = eventful(weeks(2, 6000, 5), 5, 0.004)
    model = at_once(written)
    judged = 0
    for subject in (2, 3):
        asked = asked_of(written, subject, len(written) // 3)
        both = [kept.came(asked, model.connection), by_the_log(written, asked)]
        for stream in ("days", "sleep", "heart"):
            said = []
            for found in both:
                captures = [each for each in found.captures if each.stream == stream]
                step = arrivals.step_of(captures, asked.until)
                series = arrivals.series(captures, found.pauses, step, zone, asked.until)
                verdicts = drift.verdicts(series, Rule(), 20)
                said.append((verdicts, freshness.of(captures, asked.until, Rule())))
            judged += sum(each.baseline is not None for each in said[0][0])
            assert said[0] == said[1]
    assert judged > 20
