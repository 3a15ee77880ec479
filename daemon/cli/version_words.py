"""How is it told what became of versions: doubted, held, taken over, taken back, given up?"""

from typing import assert_never

from daemon import guard_words
from daemon.cli import times
from events.terms import RestoreEnd, RollbackScope
from events.versions import (
    AcceptanceStarted,
    QuarantineAccepted,
    QuarantineDropped,
    RecordsQuarantined,
    RestoreAbandoned,
    RestoreEvent,
    RollbackStarted,
    RolledBack,
    StreamRestored,
    VersionEvent,
    VersionsPruned,
)

ENDS = {
    RestoreEnd.DIED: "rounds ended meanwhile",
    RestoreEnd.FAILED: "rounds itself failed; see its log",
    RestoreEnd.DISK_FULL: "the disk is full",
    RestoreEnd.SUPERSEDED: "another version is in force meanwhile",
    RestoreEnd.REMOVED: "the connection was removed",
}


def told(event: VersionEvent | RestoreEvent, who: str) -> str:
    """The event as a sentence; `who` is empty, or " by" and a name."""
    match event:
        case RecordsQuarantined(stream=stream, fetched=fetched, rows=rows):
            held = f"{times.count(fetched, 'record')} held back ({guard_words.what(event)})"
            stay = f"the {times.count(rows, 'row')} of before stay"
            return f"{stream}: {held}; {stay}; look, then settle it: rounds data quarantine list"
        case QuarantineDropped(stream=stream, version=version):
            return f"{stream}: version {version}, which was held back, dropped{who}"
        case AcceptanceStarted(stream=stream, quarantined=version):
            return f"{stream}: version {version}, which was held back, is being taken over{who}"
        case QuarantineAccepted(stream=stream, quarantined=held, version=version):
            return f"{stream}: version {held}, which was held back, is in force as {version}"
        case RollbackStarted(to=to, scope=scope, streams=streams):
            what = ", ".join(streams) or "all streams"
            what = what if scope is RollbackScope.DATA else "its state"
            return f"going back to event {to}{who}: {what}"
        case RolledBack(to=to, streams=streams, state=state):
            parts = [_stream(each) for each in streams]
            parts += ["streak and stops as they were"] if state else []
            return f"went back to event {to}{who}: {'; '.join(parts) or 'nothing differed'}"
        case RestoreAbandoned(started=started, reason=reason):
            return f"what began with event {started} changed nothing: {ENDS[reason]}"
        case VersionsPruned(stream=stream, before=before, versions=versions):
            return (
                f"{stream}: {times.count(versions, 'version')} older than {before} are not kept "
                "any longer"
            )
        case _:
            assert_never(event)


def tone(event: VersionEvent | RestoreEvent) -> str | None:
    match event:
        case RecordsQuarantined():
            return "red"
        case RolledBack() | RollbackStarted() | RestoreAbandoned() | QuarantineDropped():
            return "yellow"
        case QuarantineAccepted():
            return "green"
        case _:
            return None


def _stream(was: StreamRestored) -> str:
    numbers = ((was.added, "back"), (was.changed, "changed back"), (was.removed, "removed"))
    differences = ", ".join(f"{number:,} {word}" for number, word in numbers if number)
    return f"{was.stream} to version {was.of} ({differences or 'nothing differed'})"
