"""Which connections are a tenant's, or a provider's, so that nobody looks through all for them?

Those that live, by their numbers. Sorted lists take a quarter of what sets take; new connections
have the highest numbers, and so come at the end.
"""

import bisect
from collections.abc import Sequence
from typing import TypeAlias

from projections.connection import Connection

Under: TypeAlias = dict[int, list[int]]
"""The connections under a tenant, or a provider; who has none is not there.

The World's own is changed in place, by `world.fold` alone.
"""


def join(under: Under, subject: int, connection: Connection) -> None:
    """Take in a connection that was added, came back, or moved here. Twice is as once."""
    for above in (connection.tenant, connection.provider):
        known = under.setdefault(above, [])
        at = bisect.bisect_left(known, subject)
        if at == len(known) or known[at] != subject:
            known.insert(at, subject)


def leave(under: Under, subject: int, *above: int) -> None:
    """It was removed, or moved away. Twice is as once."""
    for each in above:
        known = under.get(each, [])
        at = bisect.bisect_left(known, subject)
        if at < len(known) and known[at] == subject:
            del known[at]
            if not known:
                del under[each]


def connections(under: Under, subject: int) -> Sequence[int]:
    """Those that live of a tenant or provider."""
    return under.get(subject, ())
