"""Is what was fetched taken over, refused, or held? And is what is held taken over, or dropped?"""

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from msgspec.structs import replace

from daemon.commands import (
    AcceptHeld,
    Capture,
    CaptureHeld,
    DropHeld,
    OfferDays,
    QuarantineCommand,
)
from daemon.decide import guards, owing
from daemon.decide.decisions import Decisions
from daemon.decide.guards import Doubt
from daemon.decide.outcome import runs
from events.schema import RecordsCaptured, RecordsRefused
from events.terms import Caller, Mode, Reaction, RestoreEnd, StreamPolicy
from events.versions import (
    AcceptanceStarted,
    QuarantineAccepted,
    QuarantineDropped,
    RecordsQuarantined,
    RestoreAbandoned,
)
from projections import provider
from projections.connection import Connection
from projections.streams import NEW, Held, Stream
from projections.world import World


class Obstacle(StrEnum):
    """Why nothing is done with what is held of a stream now."""

    NOTHING = "nothing"
    SYNCING = "syncing"
    RESTORING = "restoring"
    SUPERSEDED = "superseded"


PASSING = frozenset({Obstacle.SYNCING, Obstacle.RESTORING})
"""What is over by itself."""


def capture(command: Capture, world: World, now: datetime) -> Decisions:
    """Accept what was fetched; or keep the last good version, and perhaps hold this one."""
    subject, offered = command.subject, command.offered
    if not runs(world, subject, offered.version):
        return []
    known = world.connections[subject]
    before = known.streams.get(offered.stream, NEW)
    declared = _declared(world, known, offered.stream)
    doubt = guards.of_answer(offered, command.evidence, before, declared, now)
    for count in command.evidence.days:
        doubt = doubt or guards.of_day(count, declared)
    owed = owing.days(command.lost, offered.stream, known.streams, now)
    offered = replace(offered, owed=owed) if owed else offered
    if doubt is None:
        return [(subject, offered)]
    if doubt.reaction is Reaction.ROLLBACK:
        return [(subject, _refused(offered, before, doubt))]
    return [(subject, _held(offered, before, doubt))]


def offer(command: OfferDays, world: World) -> Decisions:
    """Refuse each day that is doubted; where it is to be held, all of them are, once compared."""
    if not runs(world, command.subject, command.sync):
        return []
    declared = _declared(world, world.connections[command.subject], command.stream)
    decided: Decisions = []
    for count in command.days:
        doubt = guards.of_day(count, declared)
        if doubt is None or doubt.reaction is not Reaction.ROLLBACK:
            continue
        refused = RecordsRefused(
            stream=command.stream,
            version=command.sync,
            cause=doubt.cause,
            fetched=count.fetched,
            rows=count.before,
            day=count.day,
            guard=doubt.guard,
            offered=count.fetched,
            share=doubt.share,
            limit=doubt.limit,
            declared=doubt.declared,
        )
        decided.append((command.subject, refused))
    return decided


def decide(command: QuarantineCommand, world: World) -> Decisions:
    """What becomes of a version that is held."""
    known = world.connections.get(command.subject)
    if known is None:
        return []
    match command:
        case AcceptHeld(subject=subject, stream=stream):
            held = known.streams.get(stream, NEW).held
            if held is None or obstacle(known, stream):
                return []
            begun = AcceptanceStarted(stream=stream, quarantined=held.version, by=command.by)
            return [(subject, begun)]
        case CaptureHeld():
            return _taken_over(command, known)
        case DropHeld(subject=subject, stream=stream):
            if obstacle(known, stream) not in {None, Obstacle.SUPERSEDED}:
                return []
            return _dropped(subject, stream, known.streams[stream], command.by)
        case _:
            assert_never(command)


def obstacle(known: Connection, stream: str) -> Obstacle | None:
    """What keeps the version that is held of this stream from being taken over now."""
    there = known.streams.get(stream, NEW)
    if there.held is None:
        return Obstacle.NOTHING
    if known.run:
        return Obstacle.SYNCING
    if known.restoring:
        return Obstacle.RESTORING
    return None if is_in_time(there, there.held) else Obstacle.SUPERSEDED


def is_in_time(stream: Stream, held: Held) -> bool:
    """Whether the version that it was compared with is still in force."""
    return held.base == stream.version


def dropped(subject: int, known: Connection, by: Caller | None) -> Decisions:
    """Nobody can take over any more what is held of this connection."""
    return [
        event
        for stream, there in sorted(known.streams.items())
        for event in _dropped(subject, stream, there, by)
    ]


def _dropped(subject: int, stream: str, there: Stream, by: Caller | None) -> Decisions:
    if there.held is None:
        return []
    return [(subject, QuarantineDropped(stream=stream, version=there.held.version, by=by))]


def _taken_over(command: CaptureHeld, known: Connection) -> Decisions:
    """It was compared with what is in force, or else it is not to be taken over any more."""
    subject, offered = command.subject, command.offered
    if known.restoring != offered.version:
        return []
    there = known.streams.get(offered.stream, NEW)
    held = there.held
    if held is None or held.version != command.quarantined or not is_in_time(there, held):
        return [(subject, _abandoned(offered, RestoreEnd.SUPERSEDED))]
    accepted = QuarantineAccepted(
        stream=offered.stream, quarantined=held.version, version=offered.version
    )
    return [(subject, replace(offered, owed=held.owed)), (subject, accepted)]


def _abandoned(offered: RecordsCaptured, reason: RestoreEnd) -> RestoreAbandoned:
    return RestoreAbandoned(started=offered.version, reason=reason)


def _declared(world: World, known: Connection, stream: str) -> StreamPolicy:
    """A stream that is no longer declared is protected like any."""
    found = provider.stream(world.providers[known.provider], stream)
    return found or StreamPolicy(name=stream, mode=Mode.FULL)


def _refused(offered: RecordsCaptured, before: Stream, doubt: Doubt) -> RecordsRefused:
    return RecordsRefused(
        stream=offered.stream,
        version=offered.version,
        cause=doubt.cause,
        fetched=offered.fetched,
        rows=before.rows,
        guard=doubt.guard,
        offered=offered.rows,
        share=doubt.share,
        limit=doubt.limit,
        fields=doubt.fields,
        declared=doubt.declared,
    )


def _held(offered: RecordsCaptured, before: Stream, doubt: Doubt) -> RecordsQuarantined:
    return RecordsQuarantined(
        stream=offered.stream,
        version=offered.version,
        guard=doubt.guard,
        cause=doubt.cause,
        fetched=offered.fetched,
        added=offered.added,
        changed=offered.changed,
        removed=offered.removed,
        rows=before.rows,
        offered=offered.rows,
        share=doubt.share,
        limit=doubt.limit,
        fields=doubt.fields,
        declared=doubt.declared,
        day=doubt.count.day if doubt.count else None,
        owed=offered.owed,
    )
