"""What is told of one sync: what was known when it started, what it met, how it ended?"""

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import (
    CallFailed,
    Event,
    LimitHeld,
    RecordsCaptured,
    RecordsRefused,
    RefreshFailed,
    RefreshIntended,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
)
from events.versions import RecordsQuarantined
from projections import why
from projections.why import Why

MET_KEPT = 30  # events a sync is told by: a screen; the log has all of them
ENDS = (SyncSucceeded, SyncFailed, SyncCancelled, SyncInterrupted)
MET: tuple[type[Event], ...] = (
    CallFailed,
    RecordsCaptured,
    RecordsRefused,
    RecordsQuarantined,
    RefreshIntended,
    TokenRefreshed,
    RefreshFailed,
    TokenInDoubt,
    LimitHeld,
)
"""What happens in a sync and is worth telling. More cases: more rows."""


class Story(Struct, frozen=True, kw_only=True):
    """The sync of that number; `before` is what was behind everything when it started.

    `met` are the last events that it met, `counts` how many of each kind there were; `end` is the
    event that ended it, None while it runs.
    """

    sync: int
    before: Why = field(default_factory=Why)
    started: Recorded | None = None
    met: tuple[Recorded, ...] = ()
    counts: Mapping[str, int] = {}
    end: Recorded | None = None


def evolve(story: Story, recorded: Recorded) -> Story:
    """Fold an event of the connection; those after the end change nothing."""
    if recorded.seq < story.sync:
        return replace(story, before=why.evolve(story.before, recorded))
    event = recorded.event
    if recorded.seq == story.sync:
        return replace(story, started=recorded) if isinstance(event, SyncStarted) else story
    if story.started is None or story.end is not None:
        return story
    if isinstance(event, ENDS) and event.sync == story.sync:
        return replace(story, end=recorded)
    if not isinstance(event, MET):
        return story
    name = str(type(event).__struct_config__.tag)
    counts = {**story.counts, name: story.counts.get(name, 0) + 1}
    return replace(story, met=(*story.met, recorded)[-MET_KEPT:], counts=counts)


def left_out(story: Story) -> int:
    """How many of the events that it met are not kept."""
    return sum(story.counts.values()) - len(story.met)
