"""Whatever happens: what is wrong is open, was opened once, and its evidence is there."""

from collections import Counter
from datetime import date, timedelta
from functools import partial
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon import commands
from daemon.commands import Inspect
from daemon.commands.sources import Report
from daemon.decide import issues
from daemon.decide.sighting import GRAVITY
from events import schema, terms
from events.codec import decode
from events.issues import Drifted, DriftJudged, IssueClosed, IssueOpened, IssueRegraded
from events.schema import FLEET
from events.sources import Figures, Health
from events.terms import FailureClass
from projections import world as worlds
from projections.issues import NOTHING
from projections.world import World
from tests.laws import returns
from tests.laws.test_journal import (
    CONNECTIONS,
    EPOCH,
    MINUTES,
    PROVIDERS,
    TENANTS,
    aimed,
    connected,
    lives,
    opened,
    streams,
    subjects,
)
from tests.policy.reporting import ANDROID, keyed

pytestmark = pytest.mark.requirement("D3")

EXAMPLES = 40
SOURCES = (8, 9)
DECLARED = schema.ProviderDeclared(
    name="weather",
    digest="d0",
    streams=(terms.StreamPolicy(name="days"), terms.StreamPolicy(name="alerts")),
)
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


drifted = st.builds(
    DriftJudged,
    stream=streams,
    how=st.sampled_from([None, *Drifted, *Drifted]),
    at=st.just(EPOCH),
    since=st.just(EPOCH - timedelta(days=1)),
    in_a_row=st.sampled_from([1, 2, 3, 7, 12]),
    hourly=st.booleans(),
    actual=st.just(7),
    expected=st.none() | st.just(20.0),
)
verdicts = st.builds(
    commands.NoteDrift,
    subject=st.sampled_from(CONNECTIONS[:2]),
    upto=st.just(0),
    judged=st.lists(drifted, min_size=1, max_size=2, unique_by=lambda each: each.stream).map(tuple),
)
moments = st.sampled_from([0, 0, 0, 1, 90, 3000]).map(lambda ago: EPOCH - ago * MINUTES)
said = st.builds(
    Figures,
    syncs=st.none() | st.just(3),
    errors=st.sampled_from([None, 0, 0, 2]),
    queue_depth=st.sampled_from([None, 0, 4, 4]),
    oldest=st.none() | st.sampled_from([90, 3000]).map(lambda ago: EPOCH - ago * MINUTES),
    health=st.none() | st.sampled_from(Health),
)
reports = st.lists(
    st.builds(Report, reported=moments, key=st.integers(0, 2**40).map(keyed), figures=said),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each.key,
).map(tuple)
expectations = st.sampled_from([ANDROID, replace(ANDROID, every=MINUTES, late_after=9 * MINUTES)])
ours = st.sampled_from([SOURCES[0], *SOURCES])
outside = st.one_of(
    st.builds(commands.TakeReports, subject=ours, reports=reports),
    st.builds(commands.TakeReports, subject=ours, reports=reports),
    st.builds(commands.TakeReports, subject=ours, reports=reports),
    st.builds(
        commands.AddSource,
        subject=ours,
        tenant=st.sampled_from(TENANTS),
        expectation=expectations,
    ),
    st.builds(commands.RemoveSource, subject=ours),
)
ill = st.builds(
    Report,
    reported=st.just(EPOCH),
    key=st.integers(0, 2**40).map(keyed),
    figures=st.just(Figures(errors=2)),
).map(lambda report: commands.TakeReports(subject=SOURCES[0], reports=(report,)))
ill_rows = st.lists(st.tuples(st.just(30), ill), min_size=1, max_size=9)
single = st.tuples(st.sampled_from([0, 5, 30, 700]), st.one_of(outside, verdicts)).map(
    lambda one: [one]
)
told = st.lists(st.one_of(single, single, single, ill_rows), min_size=6, max_size=20).map(
    lambda parts: [*chain.from_iterable(parts)]
)
"""What others say: sources of themselves, the read model of what streams bring."""

histories = st.tuples(lives, st.lists(rows, min_size=1, max_size=4), told).map(
    lambda parts: [
        *parts[0][:40],
        *(
            (0 if place else 25, each)
            for row in parts[1]
            for one in row
            for place, each in enumerate(one)
        ),
        *parts[2],
        *parts[0][40:],
    ]
)
"""A life, with some rows of syncs in the middle of it, and with what others say."""

there = [
    *(commands.DeclareProvider(subject=subject, declaration=DECLARED) for subject in PROVIDERS),
    *connected,
    commands.AddSource(subject=SOURCES[0], tenant=TENANTS[0], expectation=ANDROID),
]


def placed(command, world, now):
    """Let reports be of a while before now, and a verdict of all there is by now."""
    match command:
        case commands.TakeReports(reports=reports):
            return replace(command, reports=tuple(_moved(each, now - EPOCH) for each in reports))
        case commands.NoteDrift():
            return replace(command, upto=world.seq)
        case _:
            return aimed(command, world)


def _moved(report, by):
    figures = report.figures
    if figures.oldest is not None:
        figures = replace(figures, oldest=figures.oldest + by)
    return replace(report, reported=report.reported + by, figures=figures)


def wrong(seen):
    return Counter((each.kind, each.stream, each.severity) for each in seen.found)


def everybody(world):
    return (FLEET, *world.providers, *world.connections, *world.sources)


def look(kept, checked):
    """Inspect all there are; what is open afterwards is what is wrong."""
    subjects, now = everybody(kept.world), kept.clock.now()
    kept.execute(Inspect(subjects=subjects))
    for subject in subjects:
        seen = issues.judged(kept.world, subject, now)
        said = kept.world.issues.get(subject, NOTHING).open
        found = Counter((each.what.kind, each.what.stream, each.severity) for each in said)
        assert found == wrong(seen), f"of {subject}"
        assert seen.again is None or seen.again > now
        checked(kept.world, subject, now, seen)
    assert not kept.execute(Inspect(subjects=subjects)), "who looks again has nothing to add"


def lived(life, idle, checked=lambda *_: None):
    """All that was written, and the journal of it."""
    kept, log, clock = opened()
    for number, (minutes, command) in enumerate([*((0, each) for each in there), *life]):
        clock.time += minutes * MINUTES
        kept.execute(placed(command, kept.world, clock.time))
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
    open_ = {}
    for each in lived(life, idle)[0]:
        match each.event:
            case IssueOpened(kind=kind, stream=stream, severity=severity):
                assert (each.subject, kind, stream) not in open_
                open_[each.subject, kind, stream] = each.seq, severity
            case IssueRegraded(kind=kind, stream=stream, opened=number, severity=severity) as event:
                assert open_[each.subject, kind, stream] == (number, event.before)
                assert GRAVITY.index(severity) > GRAVITY.index(event.before)
                open_[each.subject, kind, stream] = number, severity
            case IssueClosed(kind=kind, stream=stream, opened=number):
                assert open_.pop((each.subject, kind, stream))[0] == number


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
        before = min(share * span, span - timedelta.resolution)  # a share may round up to all of it
        then = issues.judged(world, subject, now + before)
        assert wrong(then) == wrong(seen)

    lived(life, idle, unchanged)
