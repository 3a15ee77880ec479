"""Is a story that is told again the one that happened, and its difference the whole difference?"""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest

from daemon.control import replay
from daemon.control.desk import Desk
from daemon.control.replay_messages import ReplayQuery, ReplayStep
from daemon.decide import glance
from projections import difference
from tests.fakes.in_process import alive
from tests.simulation.host import Freezer, simulated
from tests.simulation.lives import Month

LASTING = timedelta(days=2)
TRIED = 20  # events or pairs of them whose state is worked out anew


def told(seed: int, check: Callable[[Desk, random.Random], Awaitable[None]]) -> None:
    """Live through some days with kills, and then check the desk of another life."""

    async def whole() -> None:
        month = Month(seed, accounts=True)
        await month.run(LASTING)
        parts = partial(month.parts, freezer=Freezer(month.dice))
        async with alive(month.disk, random.Random(seed), parts) as daemon:
            await check(month.desk(daemon), random.Random(seed))

    simulated(whole, seed)


async def steps(desk: Desk, **query: str) -> list[ReplayStep]:
    found = await replay.replay(desk, ReplayQuery(begin=query.pop("begin", "1"), **query))
    return [each async for each in found]


@pytest.mark.requirement("X1")
@pytest.mark.requirement("F3")
def test_how_everybody_stands_after_each_event_is_what_was_true_then() -> None:
    async def check(desk: Desk, dice: random.Random) -> None:
        *events, last = await steps(desk)
        assert last.event is None
        assert [each.seq for each in events] == [*range(1, last.seq + 1)]
        for each in dice.sample(events, TRIED):
            await _is_true(desk, each, each.event.subject if each.event else 0)

    told(3, check)


@pytest.mark.requirement("X1")
def test_the_story_of_one_is_all_that_it_did_and_what_moved_it() -> None:
    async def check(desk: Desk, dice: random.Random) -> None:
        subject = dice.choice([*desk.journal.world.connections])
        name = desk.vault.name(subject)
        *events, last = await steps(desk, connection=name)
        own = desk.journal.log.read(0, subject=subject)
        assert {each.seq for each in own if each.seq <= last.seq} <= {each.seq for each in events}
        for each in events:
            assert each.changed or (each.event and each.event.subject == subject)
        for each in dice.sample(events, min(TRIED, len(events))):
            await _is_true(desk, each, subject)
        middle = events[len(events) // 2].seq
        assert await steps(desk, begin=str(middle), connection=name) == [
            *(each for each in events if each.seq >= middle),
            last,
        ]

    told(4, check)


@pytest.mark.requirement("X1")
def test_what_differs_between_two_moments_leads_from_the_one_to_the_other() -> None:
    async def check(desk: Desk, dice: random.Random) -> None:
        head = desk.journal.head.seq
        for _ in range(TRIED):
            first, second = dice.randint(1, head), dice.randint(1, head)
            old, new = await desk.past.state_at(first), await desk.past.state_at(second)
            for subject in difference.subjects(old, new):
                changes = difference.between(old, new, subject)
                after = difference.applied(difference.leaves(old, subject), changes)
                assert after == difference.leaves(new, subject)

    told(5, check)


async def _is_true(desk: Desk, step: ReplayStep, subject: int) -> None:
    assert step.event is not None
    world = await desk.past.state_at(step.seq)
    assert step.after == replay.told(desk, glance.of(world, subject, step.event.at))
    named = {each.fact: (each.before, each.after) for each in step.changed}
    for fact in step.before.keys() | step.after.keys():
        was, is_ = step.before.get(fact), step.after.get(fact)
        assert named.get(fact, (was, was)) == (was, is_)
