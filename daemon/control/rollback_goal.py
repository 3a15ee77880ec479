"""To which event does somebody want to go back: by its number, by a time, by undoing another?"""

from datetime import datetime

from msgspec import Struct

from daemon import connection_past
from daemon.control.desk import Desk, Refused
from daemon.control.rollback_messages import RollbackTo
from events.envelope import Recorded
from events.terms import RollbackScope
from events.versions import RollbackStarted, RolledBack


class Goal(Struct, frozen=True, kw_only=True):
    """Once event `to` was recorded, at `at`; and of what, where that is not for the wish to say."""

    to: int
    at: datetime
    scope: RollbackScope | None = None
    streams: tuple[str, ...] = ()


def find(desk: Desk, wish: RollbackTo, subject: int | None) -> Goal:
    """Raises Refused."""
    if wish.undo is not None and wish.to is None and subject is not None:
        return _undone(desk, wish.undo, subject)
    if wish.to is None or wish.undo is not None:
        raise Refused("invalid", "say whereto: an event, a time, or which rollback to undo")
    if wish.to.isdecimal() and wish.to.isascii():
        found = _event(desk, int(wish.to[:19]))
        return Goal(to=found.seq, at=found.at)
    return Goal(to=_last_by(desk, wish.to), at=_time(wish.to))


def _last_by(desk: Desk, typed: str) -> int:
    at, head = _time(typed), desk.journal.head.seq
    if at > desk.journal.clock.now():
        raise Refused("invalid", f"{typed} has not come yet")
    if found := connection_past.last_by(desk.journal.log, head, at):
        return found
    raise Refused("invalid", f"nothing is known of {typed}: the log begins later")


def _time(typed: str) -> datetime:
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refused(
            "invalid", f"{typed!r} is neither an event's number nor a time with its offset"
        )
    return at


def _undone(desk: Desk, number: int, subject: int) -> Goal:
    """What was before that rollback began, of what it took back."""
    found = _event(desk, number)
    if isinstance(found.event, RolledBack):
        found = _event(desk, found.event.started)
    if not isinstance(found.event, RollbackStarted) or found.subject != subject:
        name = desk.vault.name(subject)
        raise Refused(
            "invalid",
            f"event {number} is no rollback of {name}; `rounds log show --connection {name}` names "
            "them",
        )
    before = _event(desk, found.seq - 1)
    return Goal(to=before.seq, at=before.at, scope=found.event.scope, streams=found.event.streams)


def _event(desk: Desk, number: int) -> Recorded:
    head = desk.journal.head.seq
    if not 1 <= number <= head:
        raise Refused("invalid", f"there is no event {number}; the last one is {head}")
    (found,) = desk.journal.log.read(number - 1, limit=1)
    return found
