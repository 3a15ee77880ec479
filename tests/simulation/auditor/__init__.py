"""Does a fleet's log keep every promise of the policy? It reads the log alone.

Settings in force, breakers, what runs and what is pending are derived here anew, by other code than
the daemon's own folds.
"""

from collections.abc import Callable, Iterator, Sequence

from events.envelope import Recorded
from events.schema import ActorCrashed
from tests.simulation.auditor import breakers, requests, retries, starts, turns
from tests.simulation.auditor.reading import Reading
from tests.simulation.oracle import endings, gaps

Check = Callable[[Reading, Recorded], Iterator[str]]


def crashed(reading: Reading, each: Recorded) -> Iterator[str]:
    """Nothing that a provider, a person or a disk does here may break our own code."""
    if isinstance(each.event, ActorCrashed):
        yield f"our own code failed: {each.event.error}"


CHECKS: tuple[Check, ...] = (
    crashed,
    starts.check,
    turns.check,
    requests.check,
    retries.check,
    breakers.check,
)
"""What is asked of each event, given all that came before it. Calls over a limit belong here."""


def complaints(events: Sequence[Recorded]) -> list[str]:
    """Everything that is wrong with this story, as sentences; none is the right answer."""
    reading = Reading()
    found = [*gaps(events), *endings(events)]
    for each in events:
        found += [
            f"event {each.seq} of {each.subject}: {wrong}"
            for check in CHECKS
            for wrong in check(reading, each)
        ]
        reading.read(each)
    return [*found, *turns.left(reading)]
