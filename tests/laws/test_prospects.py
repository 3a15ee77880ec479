"""Who is looked at closely, and who is not, changes no answer: against one that asks everybody."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.decide import hindrance, prospects
from daemon.decide.prospects import Prospects
from daemon.decide.turn import turn_of
from projections.world import World
from tests.laws.test_journal import live, lives

later = st.integers(-3, 30).map(lambda hours: timedelta(hours=hours))


def living(world: World) -> list[int]:
    return [subject for subject, known in world.connections.items() if not known.removed]


def is_late(world, subject, now):
    turn = turn_of(world, subject, now)
    return hindrance.is_late(hindrance.of(world, subject, now), turn, now)


@given(lives, later)
@settings(max_examples=150, deadline=None)
def test_those_who_come_start_later_are_not_late_and_are_told_in_the_order_of_their_starts(
    life, more
):
    _, world = live(life)
    now, found = world.at + more, Prospects()
    for subject in living(world):
        prospects.add(found, subject, world.connections[subject], now)
    coming = [subject for _, subject in found.coming]
    assert sorted([*found.running, *found.aside, *found.near, *coming]) == sorted(living(world))
    for subject in found.aside:
        assert hindrance.start(world, subject, now) is None
        assert not is_late(world, subject, now)
    for subject in coming:
        start = hindrance.start(world, subject, now)
        assert start is None or start > now
        assert not is_late(world, subject, now)
    told = [each for each in prospects.in_turn(world, found, now) if each is not None]
    starts = [each.start for each in told if each.start is not None]
    assert sorted(each.subject for each in told) == sorted(coming)
    assert starts == sorted(starts)
    assert {each.subject: each.start for each in told} == {
        subject: hindrance.start(world, subject, now) for subject in coming
    }
