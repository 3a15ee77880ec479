"""Is a stream left out of this sync, since what it waits for is not healthy?"""

from collections.abc import Collection

from projections.connection import Connection
from projections.streams import Stream

ITS_CONNECTION = "connection"
"""What a stream can wait for beside another stream."""


def waits(
    known: Connection, on: str | None, captured: Collection[str], failed: Collection[str]
) -> bool:
    """`captured` and `failed` are streams of this very sync, which say more than what was before.

    A stream is healthy while it has data and nothing went wrong with it since; a connection, while
    its last finished sync succeeded.
    """
    if on is None:
        return False
    if on == ITS_CONNECTION:
        return not known.health.total or known.health.consecutive_failures > 0
    if on in captured or on in failed:
        return on in failed
    before = known.streams.get(on, Stream())
    return before.version == 0 or before.failure is not None
