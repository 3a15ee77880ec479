"""Which connections are a tenant's, or a provider's, so that nobody looks through all for them?"""

import bisect
from collections.abc import Sequence

from projections.connection import Connection
from projections.world import World


class Under:
    """Sorted lists: a quarter of what sets take, and new connections have the highest numbers."""

    def __init__(self, world: World) -> None:
        self._under: dict[int, list[int]] = {}
        for subject, connection in world.connections.items():
            self.note(subject, connection)

    def note(self, subject: int, connection: Connection) -> None:
        """Take in a connection that was added, or came back, perhaps at another provider."""
        for above in (connection.tenant, connection.provider):
            known = self._under.setdefault(above, [])
            at = bisect.bisect_left(known, subject)
            if at == len(known) or known[at] != subject:
                known.insert(at, subject)

    def connections(self, subject: int) -> Sequence[int]:
        """Those of a tenant or provider, some of which may have moved away since; or itself."""
        return self._under.get(subject) or (subject,)
