"""Which connections and sources has one tenant, what did its programs call, did it consent?"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from events.consent import ConsentGranted, ConsentWithdrawn
from events.envelope import Recorded
from events.gateway import CallerAllowanceTaken
from events.limits import AllowanceRecounted
from events.schema import ConnectionAdded, ConnectionRemoved
from events.sources import SourceAdded, SourceRemoved
from projections import callers
from projections.callers import Callers


class Consent(Struct, frozen=True, kw_only=True):
    """What the tenant said of detailed monitoring last, in which event, and when."""

    granted: bool
    event: int
    at: datetime


class Tenant(Struct, frozen=True, kw_only=True):
    """`connections` counts those that live, `removed` are the subjects of the others.

    `sources` are the subjects of those that may report.
    """

    connections: int = 0
    removed: tuple[int, ...] = ()
    callers: Callers = ()
    sources: tuple[int, ...] = ()
    consent: Consent | None = None


def evolve(tenant: Tenant, recorded: Recorded) -> Tenant:
    """Fold an event of the tenant's own, or of one of its connections or sources."""
    match recorded.event:
        case ConnectionAdded():
            left = tuple(each for each in tenant.removed if each != recorded.subject)
            return replace(tenant, connections=tenant.connections + 1, removed=left)
        case ConnectionRemoved():
            gone = (*tenant.removed, recorded.subject)
            return replace(tenant, connections=tenant.connections - 1, removed=gone)
        case SourceAdded():
            return replace(tenant, sources=(*tenant.sources, recorded.subject))
        case SourceRemoved():
            left = tuple(each for each in tenant.sources if each != recorded.subject)
            return replace(tenant, sources=left)
        case CallerAllowanceTaken() | AllowanceRecounted():
            return replace(tenant, callers=callers.evolve(tenant.callers, recorded))
        case ConsentGranted():
            return replace(tenant, consent=_said(recorded, granted=True))
        case ConsentWithdrawn():
            return replace(tenant, consent=_said(recorded, granted=False))
        case _:
            return tenant


def _said(recorded: Recorded, *, granted: bool) -> Consent:
    return Consent(granted=granted, event=recorded.seq, at=recorded.at)
