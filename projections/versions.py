"""Which event brings a version of a stream into force, and where does that version come from?

A version is named by the event that opened it, and is in force from a later one on: once what was
fetched, taken over or taken back was recorded.
"""

from msgspec import Struct

from events.envelope import Recorded
from events.schema import (
    Event,
    RecordsCaptured,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncStarted,
    SyncSucceeded,
)
from events.versions import (
    AcceptanceStarted,
    QuarantineAccepted,
    RestoreAbandoned,
    RollbackStarted,
    RolledBack,
)


class Changed(Struct, frozen=True, kw_only=True):
    """A version, and how it differs from the one before it."""

    version: int
    added: int
    changed: int
    removed: int


def brought(event: Event, stream: str) -> Changed | None:
    """The version of the stream that is in force from this event on, if it brings one."""
    match event:
        case RecordsCaptured(stream=name) if name == stream:
            return Changed(
                version=event.version,
                added=event.added,
                changed=event.changed,
                removed=event.removed,
            )
        case RolledBack(started=started, streams=restored):
            for each in restored:
                if each.stream == stream:
                    return Changed(
                        version=started,
                        added=each.added,
                        changed=each.changed,
                        removed=each.removed,
                    )
            return None
        case _:
            return None


def opens(recorded: Recorded, version: int) -> bool:
    """Whether that event opened the version: the start of what brings it, if it does."""
    opening = SyncStarted | RollbackStarted | AcceptanceStarted
    return recorded.seq == version and isinstance(recorded.event, opening)


def brings(event: Event, version: int) -> bool:
    """Whether some stream is at that version from this event on."""
    match event:
        case RecordsCaptured(version=found):
            return found == version
        case RolledBack(started=found, streams=restored):
            return found == version and bool(restored)
        case _:
            return False


def ends(event: Event, version: int) -> bool:
    """Whether what brings that version is over with this event, whatever came of it."""
    match event:
        case (
            SyncSucceeded(sync=found)
            | SyncFailed(sync=found)
            | SyncCancelled(sync=found)
            | SyncInterrupted(sync=found)
            | RolledBack(started=found)
            | RestoreAbandoned(started=found)
            | QuarantineAccepted(version=found)
        ):
            return found == version
        case _:
            return False


def source(opened: Event | None, brought_by: Event, stream: str) -> tuple[str, int | None]:
    """Whence a version comes: `sync`, or `rollback` or `acceptance` with the version it was of."""
    match opened, brought_by:
        case _, RolledBack(streams=restored):
            return "rollback", next((each.of for each in restored if each.stream == stream), None)
        case AcceptanceStarted(quarantined=held), _:
            return "acceptance", held
        case _:
            return "sync", None
