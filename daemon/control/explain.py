"""Why is a connection as it is, now or as of then, and why did a sync go as it went?

What holds is asked of the World, which event is behind it of the connection's own events: these are
folded page by page, so that a long history stalls nobody else.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile

import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon import log_pages
from daemon.control import asof, policies
from daemon.control.desk import Desk, Refused
from daemon.control.explain_messages import (
    Because,
    ExplainQuery,
    Explanation,
    ScoreTerm,
    ScoreWhy,
    StartWhy,
    StreamWhy,
    SyncWhy,
)
from daemon.control.messages import EventView
from daemon.control.policy_messages import PolicySetting
from daemon.decide import (
    condition,
    deciders,
    hindrance,
    past_facts,
    reasons,
    standing,
    sync_reasons,
)
from daemon.decide.reasons import Reason
from daemon.decide.turn import turn_of
from daemon.past import PastJournal
from events.envelope import Recorded
from events.schema import SyncRequested, SyncStarted, SyncSucceeded
from events.terms import Caller
from projections import health, source, story, why
from projections.connection import Connection
from projections.streams import NEW
from projections.why import Why
from projections.world import World

DECIDED_MAX = 64  # events of one decision; a sync's end is followed by a handful
DURABLE_WAIT_S = 1.0  # what is not on disk by then is not told of: a full disk is no reason to wait
NOTHING_YET = timedelta(0)


class _Scene(Struct, frozen=True, kw_only=True):
    """What is looked at: a desk at which time stands still, and what is behind its facts."""

    desk: Desk
    subject: int
    why: Why = Why()

    @property
    def world(self) -> World:
        return self.desk.journal.world

    @property
    def now(self) -> datetime:
        return self.desk.journal.clock.now()

    @property
    def known(self) -> Connection:
        return self.world.connections[self.subject]


async def explain(desk: Desk, wish: ExplainQuery, by: Caller) -> Explanation:
    subject, known = desk.find(wish.connection)
    then = desk if isinstance(desk.journal, PastJournal) else await _standing(desk, subject, known)
    scene = _Scene(desk=then, subject=subject)
    if wish.sync is not None:
        return await _explain_sync(scene, wish.connection, wish.sync)
    folded = Why()
    async for recorded in _events(scene):
        folded = why.evolve(folded, recorded)
    scene = replace(scene, why=folded)
    at = scene.world.providers[known.provider]
    return Explanation(
        seq=scene.world.seq,
        now=scene.now,
        connection=wish.connection,
        condition=condition.of_connection(known, at, scene.now),
        score=_score(scene),
        streams=[_stream(scene, name) for name in condition.names(known, at)],
        start=_start(scene),
        account=_told(scene, reasons.of_account(known, folded)),
        last=_told(scene, past_facts.of(known, folded)),
    )


async def _standing(desk: Desk, subject: int, known: Connection) -> Desk:
    """The desk as it is, for one connection: it stays so while the World goes on."""
    live, now = desk.journal.world, desk.journal.clock.now()
    world = World(
        seq=live.seq,
        at=live.at,
        fleet=live.fleet,
        connections={subject: known},
        providers=dict(live.providers),
        tenants={known.tenant: live.tenants[known.tenant]},
        scopes=dict(live.scopes),
    )
    desk.journal.log.hurry()
    with trio.move_on_after(DURABLE_WAIT_S):
        await desk.journal.head.beyond(world.seq - 1)
    return asof.desk_of(desk, world, now)


async def _events(scene: _Scene) -> AsyncIterator[Recorded]:
    """The connection's own, in order, up to then."""
    log, upto = scene.desk.journal.log, scene.world.seq
    async for page in log_pages.pages(log, 0, upto, subject=scene.subject, most=upto):
        for recorded in page:
            yield recorded


def _score(scene: _Scene) -> ScoreWhy:
    counters = scene.known.health
    points = health.score(counters, scene.now)
    succeeded = why.number(scene.why, SyncSucceeded)
    return ScoreWhy(
        score=points,
        priority=health.priority(points),
        terms=[
            ScoreTerm(
                part=each.part,
                points=each.points,
                count=each.count,
                of=each.of,
                events=_views(scene, each.events),
                at=each.at,
            )
            for each in standing.terms(counters, scene.why, succeeded, scene.now)
        ],
    )


def _stream(scene: _Scene, name: str) -> StreamWhy:
    known, at = scene.known, scene.world.providers[scene.known.provider]
    stream = known.streams.get(name, NEW)
    facts = standing.of_stream(known, at, name, scene.why, scene.now)
    return StreamWhy(
        stream=name,
        condition=condition.of_stream(known, at, name, scene.now),
        version=stream.version,
        rows=stream.rows,
        because=[
            _because(scene, Reason(topic=each.topic, event=each.event, whose=scene.subject))
            for each in facts
        ],
    )


def _start(scene: _Scene) -> StartWhy:
    world, subject, now = scene.world, scene.subject, scene.now
    start, held = hindrance.outlook(world, subject, now)
    coming = scene.known.run or turn_of(world, subject, now)
    comes = scene.known.run is not None or start is not None or held is not None
    return StartWhy(
        next_start=start,
        kind=coming.kind if comes else None,
        priority=coming.priority if comes else None,
        attempt=coming.attempt,
        held_by=held.why if held else None,
        held_until=held.until if held else None,
        because=_told(scene, reasons.of_next(world, subject, scene.why, now)),
    )


async def _explain_sync(scene: _Scene, connection: str, number: int) -> Explanation:
    desk, tale = scene.desk, story.Story(sync=number)
    async for recorded in _events(scene):
        tale = story.evolve(tale, recorded)
        if tale.end is not None:
            break
    started = tale.started
    if started is None or not isinstance(started.event, SyncStarted):
        raise Refused("not-found", _no_sync(connection, number))
    scene = _then(replace(scene, why=tale.before))
    because = sync_reasons.of_start(started.event, scene.subject, tale.before)
    return Explanation(
        seq=scene.world.seq,
        now=scene.now,
        connection=connection,
        sync=SyncWhy(
            sync=number,
            started=desk.view(started),
            late=max(NOTHING_YET, started.at - started.event.due),
            because=_told(scene, because),
            met=[desk.view(each) for each in tale.met],
            left_out=story.left_out(tale),
            counts=dict(tale.counts),
            end=desk.view(tale.end) if tale.end else None,
            decided=_told(scene, _decided(scene, tale.end)) if tale.end else [],
        ),
    )


def _then(scene: _Scene) -> _Scene:
    """With the provider that the connection was of when the sync began."""
    at = why.provider(scene.why, scene.why.seq)
    if at is None or at == scene.known.provider:
        return scene
    known = {**scene.world.connections, scene.subject: replace(scene.known, provider=at)}
    world = replace(scene.world, connections=known)
    return replace(scene, desk=asof.desk_of(scene.desk, world, scene.now))


def _no_sync(connection: str, number: int) -> str:
    return (
        f"event {number} began no sync of {connection} by then; those that ended last: "
        f"rounds explain {connection}; all there were: rounds log show --connection {connection}"
    )


def _decided(scene: _Scene, end: Recorded) -> list[Reason]:
    """What was recorded with its end, in one decision: of itself, its provider, its fallback."""
    after = scene.desk.journal.log.read(end.seq, limit=DECIDED_MAX)
    here = (scene.subject, scene.known.provider)
    return [
        Reason(topic="decided", event=each.seq, whose=each.subject)
        for each in takewhile(lambda each: each.at == end.at, after)
        if each.seq <= scene.world.seq
        and (each.subject in here or _stands_in(each, scene.subject))
        and not isinstance(each.event, SyncStarted)
    ]


def _stands_in(recorded: Recorded, origin: int) -> bool:
    return isinstance(recorded.event, SyncRequested) and recorded.event.origin == origin


def _told(scene: _Scene, found: Iterable[Reason]) -> list[Because]:
    return [_because(scene, each) for each in found]


def _because(scene: _Scene, of: Reason) -> Because:
    view = _view(scene, of.event)
    names = (*(deciders.of(view.event) if view else ()), *of.settings)
    settings = [*_settings(scene, names, of.whose), *(_of_file(scene, view) if view else ())]
    return Because(topic=of.topic, event=view, settings=settings, until=of.until)


def _of_file(scene: _Scene, view: EventView) -> list[PolicySetting]:
    """What its provider's file says of the stream that the event is about."""
    stream, at = getattr(view.event, "stream", ""), why.provider(scene.why, view.seq)
    if at is None:
        return []
    names = deciders.of_file(view.event)
    found = (source.of_stream(scene.world, at, stream, each) for each in names)
    return [policies.told(scene.desk, each) for each in found if each is not None]


def _settings(scene: _Scene, names: Sequence[str], whose: int) -> list[PolicySetting]:
    found = (source.of(scene.world, source.word(scene.world, whose), whose, each) for each in names)
    return [policies.told(scene.desk, _dated(scene, each)) for each in found if each is not None]


def _dated(scene: _Scene, of: source.Source) -> source.Source:
    """With its event, where that is one of the connection's own."""
    return of if of.event else source.said_by(of, past_facts.membership(scene.why))


def _views(scene: _Scene, numbers: Iterable[int]) -> list[EventView]:
    found = (_view(scene, each) for each in numbers)
    return [each for each in found if each is not None]


def _view(scene: _Scene, number: int) -> EventView | None:
    found = scene.desk.journal.log.read(number - 1, limit=1) if number else []
    return scene.desk.view(found[0]) if found else None
