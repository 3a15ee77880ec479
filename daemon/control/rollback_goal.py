"""To which event does somebody want to go back: by number, time, version, or undoing another?"""

import re
from datetime import datetime

import trio
from msgspec import Struct

from daemon.control import asof
from daemon.control.desk import Desk, Refused
from daemon.control.rollback_messages import RollbackTo
from events.envelope import Recorded
from events.log import READ_EVENTS
from events.terms import RollbackScope
from events.versions import RestoreAbandoned, RollbackStarted, RolledBack
from projections import versions

PAGE_EVENTS = 64  # read at a time: what a rollback ends with is among the next of its connection
NEITHER = "say whereto: an event, a time, a version, or which rollback to undo"
BOTH = "`to` and `undo` were both given: leave one of them out"


class Goal(Struct, frozen=True, kw_only=True):
    """Once event `to` was recorded, at `at`; and of what, where that is not for the wish to say."""

    to: int
    at: datetime
    scope: RollbackScope | None = None
    streams: tuple[str, ...] = ()


async def find(desk: Desk, wish: RollbackTo, subject: int | None) -> Goal:
    """Raises Refused."""
    if wish.undo is not None and wish.to is None and subject is not None:
        return _undone(desk, wish.undo, subject)
    if wish.to is None or wish.undo is not None:
        raise Refused("invalid", BOTH if wish.to is not None else NEITHER)
    if named := re.fullmatch(r"v([0-9]{1,18})", wish.to):
        return await _version(desk, int(named[1]), subject)
    moment = await asof.moment(desk, wish.to)
    return Goal(to=moment.seq, at=moment.now)


def _undone(desk: Desk, number: int, subject: int) -> Goal:
    """What was before that rollback began, of what it took back."""
    found, name = _event(desk, number), desk.vault.name(subject)
    if isinstance(found.event, RolledBack):
        found = _event(desk, found.event.started)
    if not isinstance(found.event, RollbackStarted) or found.subject != subject:
        raise Refused(
            "invalid",
            f"event {number} is no rollback of {name}; `rounds log show --connection {name}` names "
            "them",
        )
    if not _came_into_force(desk, found):
        raise Refused(
            "invalid",
            f"the rollback that began with event {found.seq} changed nothing of {name}, so there "
            "is nothing to undo",
        )
    before = _event(desk, found.seq - 1)
    return Goal(to=before.seq, at=before.at, scope=found.event.scope, streams=found.event.streams)


def _came_into_force(desk: Desk, begun: Recorded) -> bool:
    after = begun.seq
    while page := desk.journal.log.read(after, subject=begun.subject, limit=PAGE_EVENTS):
        for each in page:
            match each.event:
                case RolledBack(started=begun.seq):
                    return True
                case RestoreAbandoned(started=begun.seq):
                    return False
                case _:
                    after = each.seq
    return False


async def _version(desk: Desk, version: int, subject: int | None) -> Goal:
    """When what brought it was over, with all its streams."""
    if subject is None:
        raise Refused("invalid", f"version {version} is one connection's: name it, or a time")
    name, brought, after = desk.vault.name(subject), False, version - 1
    while page := desk.journal.log.read(after, subject=subject, limit=READ_EVENTS):
        if after < version and not versions.opens(page[0], version):
            break
        for recorded in page:
            brought = brought or versions.brings(recorded.event, version)
            if versions.ends(recorded.event, version):
                if not brought:
                    raise _no_version(name, version)
                return Goal(to=recorded.seq, at=recorded.at)
        after = page[-1].seq
        await trio.lowlevel.checkpoint()
    else:
        if after >= version:
            raise Refused("running", f"what brings version {version} of {name} is not over yet")
    raise _no_version(name, version)


def _no_version(name: str, version: int) -> Refused:
    return Refused(
        "not-found",
        f"{name} has no version {version}; `rounds data versions {name} STREAM` lists a stream's",
    )


def _event(desk: Desk, number: int) -> Recorded:
    head = desk.journal.head.seq
    if not 1 <= number <= head:
        raise Refused("invalid", f"there is no event {number}; the last one is {head}")
    (found,) = desk.journal.log.read(number - 1, limit=1)
    return found
