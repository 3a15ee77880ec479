"""However reports arrive, and however often, a source ends up the same."""

from datetime import UTC, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.commands.sources import Report
from daemon.decide import decide, reporting
from daemon.decide.reporting import AGE_MAX, AHEAD_MAX
from events.codec import decode, encode
from events.envelope import Recorded
from events.sources import Figures, Health, Platform, SourceAdded
from projections import image, reported
from projections import world as worlds
from projections.world import World
from tests.policy.reporting import ANDROID, PHONE, UPLOADS, keyed, take
from tests.policy.transcript import NOON, TENANT

WEEK = timedelta(days=7)
"""In which all of it arrives, so that nothing gets too old on its way."""

number = st.none() | st.integers(0, 10**12)
moments = st.one_of(
    st.integers(-AGE_MAX // timedelta(minutes=1), 0).map(lambda some: some * timedelta(minutes=1)),
    st.sampled_from([timedelta(0), AHEAD_MAX, -timedelta(days=1), WEEK - AGE_MAX]),
).map(lambda ago: NOON + max(ago, WEEK - AGE_MAX))
figures = st.builds(
    Figures,
    syncs=number,
    records=number,
    errors=number,
    duration_ms=number,
    bytes=number,
    queue_depth=st.none() | st.integers(0, 3),
    oldest=st.none() | st.datetimes(timezones=st.just(UTC)),
    platform=st.none() | st.sampled_from(Platform),
    health=st.none() | st.sampled_from(Health),
)


@st.composite
def reports(draw):
    """Different reports, each with a key of its own; many of one moment, or one day."""
    told = draw(st.lists(st.tuples(moments, figures), min_size=1, max_size=12))
    return [
        Report(reported=at, key=keyed(draw(st.integers(0, 2**40)) * 64 + place), figures=what)
        for place, (at, what) in enumerate(told)
    ]


@st.composite
def arrivals(draw):
    """All of them in some order, some of them again, some together; and in the order of time."""
    told = draw(reports())
    again = draw(st.lists(st.sampled_from(told), max_size=8))
    rest = draw(st.permutations([*told, *again]))
    batches = []
    while rest:
        size = draw(st.integers(1, len(rest)))
        batches.append(rest[:size])
        rest = rest[size:]
    return sorted(told, key=lambda each: each.reported), batches


def execute(world, command, now):
    """As the journal does it, through what is on disk."""
    first = world.seq + 1
    for seq, (subject, event) in enumerate(decide(command, world, now), first):
        row = encode(Recorded(seq=seq, at=now, subject=subject, event=event))
        worlds.fold(world, decode(row))


def added():
    world = World()
    for seq, subject in enumerate((PHONE, UPLOADS), 1):
        event = SourceAdded(tenant=TENANT, expectation=ANDROID)
        worlds.fold(world, Recorded(seq=seq, at=NOON, subject=subject, event=event))
    return world


def through_bytes(world):
    made = World()
    for piece in image.pieces(world):
        image.add(made, piece)
    assert made == world
    return made


@pytest.mark.requirement("D2")
@given(arrivals(), st.data())
@settings(max_examples=200)
def test_a_source_settles_the_same_whatever_the_order_of_arrival(arrival, data):
    """Also where a snapshot lies in between; and what came together came to the same as alone."""
    in_order, batches = arrival
    straight, other = added(), added()
    for each in in_order:
        execute(straight, take(each), NOON)
    cut = data.draw(st.integers(0, len(batches)))
    for place, batch in enumerate(batches):
        if place == cut:
            other = through_bytes(other)
        execute(other, take(*batch), NOON + place * WEEK / len(batches))
    assert through_bytes(other).sources == straight.sources
    found = other.sources[PHONE]
    assert sum(each.reports for each in reported.sums(found).values()) == len(in_order)
    assert other.sources[UPLOADS].latest is None


@given(arrivals())
def test_every_report_that_was_taken_is_known_for_as_long_as_it_could_be_taken_again(arrival):
    _, batches = arrival
    world = added()
    for batch in batches:
        execute(world, take(*batch), NOON)
    known = world.sources[PHONE]
    told = tuple(each for batch in batches for each in batch)
    assert reporting.judge(known, told, NOON + WEEK) == reporting.Judgement()


@given(reports(), figures)
def test_whatever_comes_second_under_a_key_the_first_stays(told, others):
    world = added()
    execute(world, take(*told), NOON)
    before = world.sources[PHONE]
    for each in told:
        if each.figures != others:
            second = Report(reported=each.reported, key=each.key, figures=others)
            assert decide(take(second), world, NOON) == []
    assert world.sources[PHONE] == before
