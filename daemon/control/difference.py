"""What differs between two moments: in the facts that people look at, and in every field?"""

import trio

from daemon.control import asof
from daemon.control.asof import Moment
from daemon.control.desk import Desk, Refused
from daemon.control.replay import told, turns
from daemon.control.replay_messages import (
    Difference,
    DiffQuery,
    FieldView,
    MomentView,
    StandingView,
)
from daemon.decide import glance
from events.schema import FLEET
from events.terms import Caller
from projections import difference
from projections.difference import Change
from projections.world import World

STANDINGS_MAX = 1000  # in one answer; whoever has more names a connection, or takes the fields
LOOKS = 64  # subjects compared between two turns of the loop


async def diff(desk: Desk, query: DiffQuery, by: Caller) -> Difference:
    async with asof.place(desk):
        first = await asof.moment(desk, query.before)
        second = await _second(desk, query.after)
        subject = _subject(desk, query.connection) if query.connection is not None else None
        old, new = await asof.world(desk, first.seq), await asof.world(desk, second.seq)
        whose = difference.subjects(old, new) if subject is None else [subject]
        standings: list[StandingView] = []
        fields: list[Change] = []
        differing = total = 0
        for count, each in enumerate(whose, 1):
            changes = difference.between(old, new, each)
            fields += changes[max(0, query.skip - total) :][: query.limit - len(fields)]
            total += len(changes)
            standing = _standing(desk, (old, first), (new, second), each)
            differing += bool(standing.changed)
            if standing.changed and len(standings) < STANDINGS_MAX:
                standings.append(standing)
            if count % LOOKS == 0:
                await trio.lowlevel.checkpoint()
        return Difference(
            before=MomentView(seq=first.seq, now=first.now),
            after=MomentView(seq=second.seq, now=second.now),
            differing=differing,
            standings=standings,
            total=total,
            fields=[_field(desk, each) for each in fields],
        )


async def _second(desk: Desk, at: str | None) -> Moment:
    """The last event by now, where nothing else is asked for."""
    if at is not None:
        return await asof.moment(desk, at)
    return Moment(seq=desk.journal.head.seq, now=desk.journal.clock.now())


def _subject(desk: Desk, name: str) -> int:
    subject = desk.vault.subject("connection", name)
    if subject is None:
        raise Refused("not-found", asof.no_name(name))
    return subject


def _standing(
    desk: Desk, old: tuple[World, Moment], new: tuple[World, Moment], subject: int
) -> StandingView:
    before = glance.of(old[0], subject, old[1].now)
    after = glance.of(new[0], subject, new[1].now)
    return StandingView(
        subject=subject,
        name=_name(desk, subject),
        kind=_kind(new[0], subject) or _kind(old[0], subject),
        before=told(desk, before),
        after=told(desk, after),
        changed=turns(desk, before, after),
    )


def _kind(world: World, subject: int) -> str:
    if subject == FLEET:
        return "fleet"
    for kind, word in difference.KINDS.items():
        if word in {"connection", "provider", "tenant", "source"} and subject in getattr(
            world, kind
        ):
            return word
    return ""


def _name(desk: Desk, subject: int) -> str:
    return "fleet" if subject == FLEET else desk.vault.name(subject)


def _field(desk: Desk, change: Change) -> FieldView:
    return FieldView(
        subject=change.subject,
        name=_name(desk, change.subject),
        path=".".join(change.path),
        before=change.before,
        after=change.after,
    )
