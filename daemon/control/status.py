"""How is everything, at a glance?

Each connection is looked at once, for what it says of itself. What keeps it is asked only of those
whose time has come, and of the next to come until one is found that may start.
"""

import os
from datetime import datetime

import trio
from msgspec import Struct

from daemon.control import ending, outbox, read_model, whose
from daemon.control.desk import Desk
from daemon.control.messages import Nothing, Status
from daemon.decide import hindrance, prospects, system
from daemon.decide.prospects import Prospects
from daemon.decide.turn import turn_of
from events.envelope import Recorded
from events.schema import DaemonStarted, DaemonStopped
from events.terms import Caller
from projections.grant import Phase

HOLDS = {
    "log": "the disk is full: the log cannot be written, nothing new starts; free some space",
    "vault": "the disk is full: a new token cannot be stored; free some space",
    "data": "the disk is full: records cannot be stored, nothing new starts; free some space",
}

READ_MODEL = "the read model is behind the log: SQL and history are old; see `rounds sql show`"


class _Starts(Struct, kw_only=True):
    """How many may start now, how many are kept though their time has come, and who is next."""

    due: int = 0
    late: int = 0
    next: datetime | None = None


async def status(desk: Desk, _: Nothing, by: Caller) -> Status:
    world, now = desk.journal.world, desk.journal.clock.now()
    seq, found = world.seq, Prospects()
    connections = paused = failing = unauthorised = succeeded = total = 0
    async for subject, known in whose.unhurried(whose.of(desk, None)):
        prospects.add(found, subject, known, now)
        connections += 1
        paused += known.paused
        failing += known.health.consecutive_failures > 0
        unauthorised += known.grant.phase is Phase.NEEDED
        succeeded, total = succeeded + known.health.successful, total + known.health.total
    starts = await _starts(desk, found, now)
    began = _event(desk, world.fleet.alive)
    ended = None if desk.live else _event(desk, seq)
    return Status(
        seq=seq,
        version=_version(began) or desk.version,
        pid=os.getpid() if desk.live else None,
        state=str(desk.places.state),
        started_at=began.at if began else None,
        stopped_at=ended.at if ended and isinstance(ended.event, DaemonStopped) else None,
        now=now,
        connections=connections,
        running=len(world.fleet.running),
        due=starts.due,
        paused=paused,
        failing=failing,
        succeeded=world.fleet.succeeded if desk.sees is None else succeeded,
        failed=world.fleet.failed if desk.sees is None else total - succeeded,
        next_start=starts.next,
        trouble=[*(HOLDS[file] for file in sorted(desk.journal.holds)), *_read_model(desk)],
        unauthorised=unauthorised,
        held=starts.late,
        writes=await outbox.counted_all(desk),
        retiring=ending.all_(desk),
    )


def _read_model(desk: Desk) -> list[str]:
    """The same of what can be done without for a while."""
    return [READ_MODEL] if system.is_late(read_model.unread(desk)) else []


async def _starts(desk: Desk, found: Prospects, now: datetime) -> _Starts:
    world, starts = desk.journal.world, _Starts()
    coming: list[datetime] = []
    async for subject in whose.unhurried(found.near):
        start, held = hindrance.outlook(world, subject, now)
        if start is not None and start <= now:
            starts.due += 1
            continue
        if start is not None:
            coming.append(start)
        known = world.connections[subject]
        if not known.run and hindrance.is_late(held, turn_of(world, subject, now), now):
            starts.late += 1
    await trio.lowlevel.checkpoint()
    async for each in whose.unhurried(prospects.in_turn(world, found, now)):
        if each is not None and each.start is not None:
            coming.append(each.start)
            break
    starts.next = min(coming, default=None)
    return starts


def _event(desk: Desk, seq: int) -> Recorded | None:
    found = desk.journal.log.read(seq - 1, limit=1) if seq else []
    return found[0] if found else None


def _version(began: Recorded | None) -> str | None:
    event = began.event if began else None
    return event.version if isinstance(event, DaemonStarted) else None
