"""How did a connection's last sync end?"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict

from events.envelope import Recorded
from events.schema import SyncFailed
from events.terms import FailureClass
from events.versions import EndingRestored


class Ending(Struct, frozen=True, kw_only=True):
    """How the last sync ended: succeeded, failed, cancelled or interrupted; by which event.

    `whole` says that it failed before, or beside, any stream that could be named.
    """

    seq: int
    at: datetime
    word: str
    cause: FailureClass | None = None
    message: str = ""
    whole: bool = False


def restored(was: EndingRestored | None) -> Ending | None:
    """The one that was the last one then."""
    return None if was is None else Ending(**asdict(was))


def of(recorded: Recorded, word: str) -> Ending:
    event, seq, at = recorded.event, recorded.seq, recorded.at
    if not isinstance(event, SyncFailed):
        return Ending(seq=seq, at=at, word=word)
    cause, message = event.cause, event.message
    whole = not any(each.stream for each in event.failures)
    return Ending(seq=seq, at=at, word=word, cause=cause, message=message, whole=whole)
