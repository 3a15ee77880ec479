"""Who was told of a tenant, and when?"""

from daemon import log_pages
from daemon.control import asof, whose
from daemon.control.audit_messages import ReadsQuery, ReadView, TenantReads
from daemon.control.desk import Desk, Refused
from daemon.past import NoSuchMoment, PastUnavailable
from events.access import ExcerptRead, FleetRead, TenantRead
from events.envelope import Recorded
from events.log import READ_EVENTS
from events.schema import FLEET
from events.terms import Caller

PAGES_MAX = 50  # read for one answer: the rest is asked for with another question


async def reads(desk: Desk, query: ReadsQuery, by: Caller) -> TenantReads:
    """The reads of one tenant, of all tenants together among them, or those of everybody."""
    tenant = None if query.tenant is None else whose.enrolled(desk, "tenant", query.tenant)
    subjects = _subjects(desk, tenant)
    wanted = desk.sees if tenant is None else frozenset({tenant})
    after, head = await _first(desk, query), desk.journal.head.seq
    found: list[Recorded] = []
    for _ in range(PAGES_MAX):
        page = await log_pages.some(
            desk.journal.log, subjects, after=after, upto=head, most=READ_EVENTS
        )
        found += [each for each in page if _is_of(each, wanted)]
        after = page[-1].seq if len(page) == READ_EVENTS else head
        if after >= head or len(found) >= query.limit:
            break
    shown = found[: query.limit]
    if len(found) > len(shown):
        after = shown[-1].seq
    return TenantReads(
        seq=head,
        reads=[_view(desk, each) async for each in whose.unhurried(shown)],
        after=None if after >= head else after,
    )


def _subjects(desk: Desk, tenant: int | None) -> tuple[int, ...] | None:
    """Whose events to look through; None is everybody's."""
    if tenant is not None:
        return (tenant, FLEET)
    return None if desk.sees is None else (*desk.sees, FLEET)


async def _first(desk: Desk, query: ReadsQuery) -> int:
    """After which event to look. A moment before all events is the beginning."""
    if query.after is not None or query.since is None:
        return query.after or 0
    if query.since.isdecimal():
        return (await asof.moment(desk, query.since)).seq - 1
    try:
        return await desk.past.seq_at(asof.instant(query.since))
    except NoSuchMoment as none:
        if asof.instant(query.since) > desk.journal.clock.now():
            raise Refused("invalid", str(none)) from None
        return 0
    except PastUnavailable as unavailable:
        raise Refused("busy", str(unavailable)) from None


def _is_of(recorded: Recorded, wanted: frozenset[int] | None) -> bool:
    match recorded.event:
        case TenantRead() | ExcerptRead():
            return True
        case FleetRead(tenants=tenants):
            return wanted is None or tenants is None or not wanted.isdisjoint(tenants)
        case _:
            return False


def _view(desk: Desk, recorded: Recorded) -> ReadView:
    event = recorded.event
    if isinstance(event, ExcerptRead):
        return ReadView(
            event=recorded.seq,
            at=recorded.at,
            since=recorded.at,
            uid=event.by.uid,
            role=event.by.role,
            operations={"failure": 1},
            tenants=[desk.vault.name(recorded.subject)],
            failure=event.failure,
        )
    assert isinstance(event, TenantRead | FleetRead), "it was just looked at"
    several = event.tenants if isinstance(event, FleetRead) else (recorded.subject,)
    if several is not None and desk.sees is not None:
        several = tuple(each for each in several if each in desk.sees)
    return ReadView(
        event=recorded.seq,
        at=recorded.at,
        since=event.since,
        uid=event.by.uid,
        role=event.by.role,
        operations=dict(event.operations),
        tenants=None if several is None else [desk.vault.name(each) for each in several],
    )
