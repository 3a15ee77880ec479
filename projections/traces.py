"""What does an event tell of what came to a connection's streams, or of what was expected to?"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from events.envelope import Recorded
from events.fact import Fact
from events.schema import (
    ConnectionAdded,
    ConnectionPaused,
    ConnectionRelinked,
    ConnectionResumed,
    RecordsCaptured,
    RecordsRefused,
    SyncStarted,
)
from events.terms import Guard, Kind
from events.versions import RecordsQuarantined, RolledBack


class Word(StrEnum):
    """What an event tells of what came, and of what was expected to."""

    ADDED = "added"
    BACKFILL = "backfill"
    ROLLED_BACK = "rolled-back"
    MOVED = "moved"
    PAUSED = "paused"
    RESUMED = "resumed"
    RESHAPED = "reshaped"
    CAPTURED = "captured"


class Trace(Struct, frozen=True, kw_only=True):
    """All that drift needs to know of event `seq`: whoever keeps these need not read the log.

    Of a capture: so many records were `fetched`, of which some `repeated` others, and `new` ones
    added to the `before` that there were; `version` is its sync. So many `fields` were doubted.
    """

    seq: int
    at: datetime
    word: Word
    streams: tuple[str, ...] = ()
    new: int = 0
    fetched: int = 0
    repeated: int = 0
    before: int = 0
    version: int = 0
    fields: int = 0


TRACED = frozenset(
    {
        ConnectionAdded,
        ConnectionPaused,
        ConnectionRelinked,
        ConnectionResumed,
        RecordsCaptured,
        RecordsQuarantined,
        RecordsRefused,
        RolledBack,
        SyncStarted,
    }
)
"""What can leave a trace."""


def trace(recorded: Recorded) -> Trace | None:
    """What is to be known of it; None where that is nothing."""
    seq, at = recorded.seq, recorded.at
    match recorded.event:
        case RecordsCaptured() as event:
            return Trace(
                seq=seq,
                at=at,
                word=Word.CAPTURED,
                streams=(event.stream,),
                new=event.added,
                fetched=event.fetched,
                repeated=event.duplicates,
                before=event.rows - event.added + event.removed,
                version=event.version,
            )
        case SyncStarted(kind=Kind.BACKFILL):
            return Trace(seq=seq, at=at, word=Word.BACKFILL)
        case RolledBack(streams=streams):
            names = tuple(each.stream for each in streams)
            return Trace(seq=seq, at=at, word=Word.ROLLED_BACK, streams=names)
        case RecordsRefused(guard=Guard.SCHEMA) | RecordsQuarantined(guard=Guard.SCHEMA):
            doubted = recorded.event
            names, fields = (doubted.stream,), doubted.fields
            return Trace(seq=seq, at=at, word=Word.RESHAPED, streams=names, fields=fields)
        case event:
            word = _PLAIN.get(type(event))
            return Trace(seq=seq, at=at, word=word) if word else None


_PLAIN: Mapping[type[Fact], Word] = {
    ConnectionAdded: Word.ADDED,
    ConnectionRelinked: Word.MOVED,
    ConnectionPaused: Word.PAUSED,
    ConnectionResumed: Word.RESUMED,
}
