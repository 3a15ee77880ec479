"""What happened last of each kind that people ask for: successes, refusals, rollbacks?"""

from daemon.decide.reasons import Reason
from events.schema import (
    ConnectionAdded,
    ConnectionChanged,
    ConnectionRelinked,
    Event,
    RecordsRefused,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncSucceeded,
)
from events.versions import (
    QuarantineAccepted,
    QuarantineDropped,
    RecordsQuarantined,
    RestoreAbandoned,
    RolledBack,
)
from projections import why
from projections.connection import Connection
from projections.why import Why

KINDS: dict[str, tuple[type[Event], ...]] = {
    "success": (SyncSucceeded,),
    "failure": (SyncFailed,),
    "stopped": (SyncCancelled, SyncInterrupted),
    "refusal": (RecordsRefused, RecordsQuarantined),
    "settled": (QuarantineAccepted, QuarantineDropped),
    "rollback": (RolledBack, RestoreAbandoned),
    "moved": (ConnectionRelinked,),
}
"""More cases: more rows."""


def of(known: Connection, behind: Why) -> tuple[Reason, ...]:
    """Each with its last event, where there was one; the newest first."""
    found = {topic: why.number(behind, *kinds) for topic, kinds in KINDS.items()}
    if known.last and "stopped" in found and known.last.seq != found["stopped"]:
        del found["stopped"]  # what ended better since says more
    told = sorted(found.items(), key=lambda item: -item[1])
    return tuple(Reason(topic=topic, event=event) for topic, event in told if event)


def membership(behind: Why) -> int:
    """The event that said last what the connection is to be like."""
    return why.number(behind, ConnectionAdded, ConnectionChanged)
