"""How did a connection's last sync end?"""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import asdict

from events.envelope import Recorded
from events.schema import SyncFailed
from events.terms import FailureClass
from events.versions import EndingRestored
from projections.run import Run

NOTHING = timedelta(0)


class Ending(Struct, frozen=True, kw_only=True):
    """How the last sync ended: succeeded, failed, cancelled or interrupted; by which event.

    `whole` says that it failed before, or beside, any stream that could be named. It had `waited`
    so long for its start, since it was due; None where it did not end by itself, or went back.
    """

    seq: int
    at: datetime
    word: str
    cause: FailureClass | None = None
    message: str = ""
    whole: bool = False
    waited: timedelta | None = None


def restored(was: EndingRestored | None) -> Ending | None:
    """The one that was the last one then."""
    return None if was is None else Ending(**asdict(was))


def of(recorded: Recorded, word: str, run: Run | None = None) -> Ending:
    """Of the sync that ran, where it ended by itself."""
    event, seq, at = recorded.event, recorded.seq, recorded.at
    waited = max(NOTHING, run.started - run.due) if run else None
    if not isinstance(event, SyncFailed):
        return Ending(seq=seq, at=at, word=word, waited=waited)
    cause, message = event.cause, event.message
    whole = not any(each.stream for each in event.failures)
    return Ending(
        seq=seq, at=at, word=word, cause=cause, message=message, whole=whole, waited=waited
    )
