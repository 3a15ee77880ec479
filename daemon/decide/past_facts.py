"""What happened last of each kind that people ask for: successes, refusals, rollbacks?"""

from daemon.decide.reasons import Reason
from events.schema import (
    ConnectionAdded,
    ConnectionChanged,
    ConnectionRelinked,
    Event,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncSucceeded,
)
from events.versions import (
    QuarantineAccepted,
    QuarantineDropped,
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
    "settled": (QuarantineAccepted, QuarantineDropped),
    "rollback": (RolledBack, RestoreAbandoned),
    "moved": (ConnectionRelinked,),
}
"""More cases: more rows."""


def of(known: Connection, behind: Why) -> tuple[Reason, ...]:
    """Each with its last event, where there was one, and refusals with the last few; newest first.

    One refusal alone would not tell a story in which an answer was doubted for several reasons.
    """
    last = {topic: why.number(behind, *kinds) for topic, kinds in KINDS.items()}
    if known.last and known.last.seq != last["stopped"]:
        del last["stopped"]  # what ended better since says more
    found = [*last.items(), *(("refusal", seq) for seq in behind.doubts)]
    told = sorted(found, key=lambda item: -item[1])
    return tuple(Reason(topic=topic, event=event) for topic, event in told if event)


def membership(behind: Why) -> int:
    """The event that said last what the connection is to be like."""
    return why.number(behind, ConnectionAdded, ConnectionChanged)
