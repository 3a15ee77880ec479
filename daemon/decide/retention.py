"""Which versions of a stream are not kept any more?

The last ones are, so many as settings say, and all that were in force within a time. One is in
force until the next one begins, so going back is possible to any moment of that time. The one in
force now always is: what is held was compared with it, or can only be dropped.
"""

from datetime import datetime
from itertools import pairwise

from daemon.commands import PruneVersions
from daemon.decide.decisions import Decisions
from events.versions import VersionsPruned
from projections import policy
from projections.world import World


def prune(command: PruneVersions, world: World, now: datetime) -> Decisions:
    """Nothing of a connection that goes back just now: it reads what it goes back to."""
    subject, known = command.subject, world.connections.get(command.subject)
    stream = known.streams.get(command.stream) if known else None
    if known is None or stream is None or known.restoring is not None:
        return []
    rules = policy.of_connection(world, subject)
    oldest, count = command.oldest, 0
    enough = len(oldest) + command.newer - rules.versions_kept
    for each, following in pairwise(oldest):
        over = following.at < now - rules.versions_age
        if count >= enough or not over or each.version >= stream.version:
            break
        count += 1
    if not count:
        return []
    pruned = VersionsPruned(stream=command.stream, before=oldest[count].version, versions=count)
    return [(subject, pruned)]
