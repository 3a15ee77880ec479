"""How often would connections best be synced, and what is typed for that?"""

from functools import partial

from daemon.control import whose
from daemon.control.desk import Desk
from daemon.control.recommend_messages import (
    ADVISED_MAX,
    Recommendation,
    Recommendations,
    RecommendQuery,
    WayView,
)
from daemon.decide import recommending
from daemon.decide.recommending import ADAPTIVE, Advice, Way
from events.terms import Caller
from projections import policy


async def recommend(desk: Desk, wish: RecommendQuery, by: Caller) -> Recommendations:
    """Nothing changes by it. Each is worked out beside the loop, so that nobody waits."""
    world, now = desk.journal.world, desk.journal.clock.now()
    seq, told = world.seq, list[Recommendation]()
    found = await whose.chosen(desk, wish.tenant, wish.provider)
    for subject, _ in found[:ADVISED_MAX]:
        question = recommending.ask(world, subject, now)
        advice = await desk.reading.away(partial(recommending.answer, question))
        told.append(_told(desk, subject, advice))
    return Recommendations(
        seq=seq, now=now, recommendations=told, left_out=max(0, len(found) - ADVISED_MAX)
    )


def _told(desk: Desk, subject: int, of: Advice) -> Recommendation:
    name = desk.vault.name(subject)
    return Recommendation(
        connection=name,
        word=of.word.value,
        since=of.since,
        looks=of.looks,
        arrivals=of.arrivals,
        looks_left=of.looks_left,
        arrivals_left=of.arrivals_left,
        known_at=of.known_at,
        now=_view(of.now) if of.now else None,
        better=_view(of.better) if of.better else None,
        command=_command(desk, subject, name, of),
        ways=[_view(each) for each in of.ways],
        new_by=of.comes.due if of.comes else None,
        usual_since=of.comes.since if of.comes else None,
        usual_until=of.comes.until if of.comes else None,
    )


def _view(of: Way) -> WayView:
    return WayView(
        name=of.name,
        syncs_a_day=of.syncs_a_day,
        calls_a_day=of.calls_a_day,
        delay=of.delay,
        beyond=of.beyond,
    )


def _command(desk: Desk, subject: int, name: str, of: Advice) -> str | None:
    """What takes it."""
    if of.better is None:
        return None
    if of.better.name == ADAPTIVE:
        return f"rounds policy set {name} adaptive=true"
    adaptive = policy.of_connection(desk.journal.world, subject).adaptive
    off = " adaptive=false" if adaptive else ""
    return f"rounds policy set {name} interval={of.better.name}{off}"
