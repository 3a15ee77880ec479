"""Whatever happens: what is wrong is open, was opened once, and its evidence is there."""

from collections import Counter
from datetime import date, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import commands
from daemon.commands import Inspect
from daemon.decide import issues
from daemon.decide.sighting import GRAVITY
from events import schema, terms
from events.codec import decode
from events.issues import IssueClosed, IssueOpened, IssueRegraded
from events.schema import FLEET
from events.terms import FailureClass
from projections import world as worlds
from projections.issues import NOTHING
from projections.world import World
from tests.laws import returns
from tests.laws.test_journal import MINUTES, aimed, connected, lives, opened, streams, subjects

pytestmark = pytest.mark.requirement("D3")

EXAMPLES = 40
LOOK_EVERY = 4
DAY = date(2026, 5, 1)
waits = st.lists(
    st.sampled_from([1, 15, 59, 60, 90, 360, 1080, 3000, 50_000, -30]), min_size=1, max_size=6
)
"""In minutes, after all else: then time alone goes on."""


failures = st.lists(
    st.builds(
        terms.StreamFailure,
        stream=streams,
        cause=st.sampled_from(
            [FailureClass.SERVER, FailureClass.AUTH, FailureClass.EMPTY, FailureClass.MALFORMED]
        ),
        message=st.just("it was down"),
        day=st.none() | st.just(DAY),
    ),
    min_size=1,
    max_size=2,
).map(tuple)


def synced(subject, stream, well, lost, took_ms):
    """A sync that is asked for, and how it ends: chance alone makes hardly a row of them."""
    number = dict.fromkeys(returns.COUNTS, 3)
    days = (DAY + timedelta(days=3),)
    came = schema.RecordsCaptured(stream=stream, version=0, digest="33", days=days, **number)
    finished = commands.Finish(
        subject=subject,
        sync=0,
        duration_ms=took_ms,
        captured=(stream,) if well else (),
        records=3,
        failures=() if well == "all" else lost,
        calls=(),
    )
    begun = commands.Request(subject=subject, forced=True), commands.Start(subject=subject)
    return [*begun, *((commands.Capture(subject=subject, offered=came),) if well else ()), finished]


ends = st.sampled_from(["", "", "some", "all"])
rows = st.tuples(subjects, streams, st.lists(ends, min_size=1, max_size=9), failures).flatmap(
    lambda told: st.lists(
        st.sampled_from([1_000, 2_000, 90_000]), min_size=len(told[2]), max_size=len(told[2])
    ).map(lambda took: [*map(partial(_row, *told[:2], told[3]), told[2], took)])
)


def _row(subject, stream, lost, well, took_ms):
    return synced(subject, stream, well, lost, took_ms)


histories = st.tuples(lives, st.lists(rows, min_size=1, max_size=4)).map(
    lambda parts: [
        *parts[0][:40],
        *(
            (0 if place else 25, each)
            for row in parts[1]
            for one in row
            for place, each in enumerate(one)
        ),
        *parts[0][40:],
    ]
)
"""A life, with some rows of syncs in the middle of it."""


def wrong(seen):
    return Counter((each.kind, each.stream, each.severity) for each in seen.found)


def everybody(world):
    return (FLEET, *world.providers, *world.connections)


def look(kept, checked):
    """Inspect all there are; what is open afterwards is what is wrong."""
    subjects, now = everybody(kept.world), kept.clock.now()
    kept.execute(Inspect(subjects=subjects))
    for subject in subjects:
        seen = issues.judged(kept.world, subject, now)
        there = kept.world.issues.get(subject, NOTHING).open
        found = Counter((each.what.kind, each.what.stream, each.severity) for each in there)
        assert found == wrong(seen), f"of {subject}"
        assert seen.again is None or seen.again > now
        checked(kept.world, subject, now, seen)
    assert not kept.execute(Inspect(subjects=subjects)), "who looks again has nothing to add"


def lived(life, idle, checked=lambda *_: None):
    """All that was written, and the journal of it."""
    kept, log, clock = opened()
    for number, (minutes, command) in enumerate([*((0, each) for each in connected), *life]):
        clock.time += minutes * MINUTES
        kept.execute(aimed(command, kept.world))
        if number % LOOK_EVERY == 0:
            look(kept, checked)
    for minutes in idle:
        clock.time += minutes * MINUTES
        look(kept, checked)
    return [decode(row) for rows in log.groups for row in rows], kept


@given(histories, waits)
@settings(max_examples=EXAMPLES)
def test_what_is_open_is_what_is_wrong_and_replay_says_the_same(life, idle):
    written, kept = lived(life, idle)
    replayed = World()
    for each in written:
        worlds.fold(replayed, each)
    assert replayed == kept.world


@given(histories, waits)
@settings(max_examples=EXAMPLES)
def test_each_is_opened_once_gets_graver_alone_and_is_closed_once(life, idle):
    """Of a subject, a stream and a kind at most one is open at any time."""
    there = {}
    for each in lived(life, idle)[0]:
        match each.event:
            case IssueOpened(kind=kind, stream=stream, severity=severity):
                assert (each.subject, kind, stream) not in there
                there[each.subject, kind, stream] = each.seq, severity
            case IssueRegraded(kind=kind, stream=stream, opened=number, severity=severity) as event:
                assert there[each.subject, kind, stream] == (number, event.before)
                assert GRAVITY.index(severity) > GRAVITY.index(event.before)
                there[each.subject, kind, stream] = number, severity
            case IssueClosed(kind=kind, stream=stream, opened=number):
                assert there.pop((each.subject, kind, stream))[0] == number


@given(histories, waits)
@settings(max_examples=EXAMPLES)
def test_its_evidence_are_events_of_its_subject_from_before_it(life, idle):
    written, _ = lived(life, idle)
    subjects = {each.seq: each.subject for each in written}
    for each in written:
        if isinstance(each.event, IssueOpened | IssueRegraded):
            assert each.event.evidence, each
            assert {subjects[number] for number in each.event.evidence} == {each.subject}
            assert max(each.event.evidence) < each.seq


@given(histories, waits, st.floats(0, 1, exclude_max=True))
@settings(max_examples=EXAMPLES)
def test_until_the_moment_that_is_named_time_alone_changes_nothing(life, idle, share):
    def unchanged(world, subject, now, seen):
        span = seen.again - now if seen.again else timedelta(days=900)
        then = issues.judged(world, subject, now + share * span)
        assert wrong(then) == wrong(seen)

    lived(life, idle, unchanged)
