"""Does a tenant consent to detailed monitoring, and how do people write that down?"""

from daemon import commands, details
from daemon.control import whose
from daemon.control.act import done, durable, room
from daemon.control.consent_messages import ConsentAnswer, ConsentOf, ConsentWish
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.decide.consent import may_say
from daemon.secret import Secret
from daemon.vault import VaultFull
from events.consent import ConsentGranted, ConsentWithdrawn
from events.terms import Caller
from projections import under
from projections.consent import monitored

GRANTED, WITHDRAWN = "consent-granted", "consent-withdrawn"
"""The purposes under which the vault keeps who said it, and how."""

FROM_NOW = "from now on details of {tenant} are kept"
NO_MORE = (
    "from now on no details of {tenant} are kept, only what syncing goes by; what was kept of how "
    "its records look, and of what providers said, is {gone}; the log keeps what it holds: nothing "
    "is ever taken out of it"
)
DELETED = "deleted"
FIRST_DELETED = (
    "the disk is full: what was kept before consent was withdrawn has to be deleted first, and "
    "nothing was noted; free some space"
)
LEFT = "deleted once the disk, which is full, has room and rounds is started again"


async def show(desk: Desk, wish: ConsentOf, by: Caller) -> ConsentAnswer:
    tenant, world = whose.enrolled(desk, "tenant", wish.tenant), desk.journal.world
    said = world.tenants[tenant].consent
    recorded = desk.journal.log.read(said.event - 1, limit=1) if said else []
    event = recorded[0].event if recorded else None
    purpose = GRANTED if said and said.granted else WITHDRAWN
    words = None
    if desk.live and isinstance(event, ConsentGranted | ConsentWithdrawn) and event.words:
        words = desk.vault.open(tenant, tenant, purpose)
    return ConsentAnswer(
        seq=world.seq,
        now=desk.journal.clock.now(),
        tenant=wish.tenant,
        monitored=monitored(world, tenant),
        said=None if said is None else "granted" if said.granted else "withdrawn",
        believed=world.fleet.consent,
        at=said.at if said else None,
        event=said.event if said else None,
        by=event.by if isinstance(event, ConsentGranted | ConsentWithdrawn) else None,
        words=None if words is None else words.reveal(),
    )


async def grant(desk: Desk, wish: ConsentWish, by: Caller) -> Done:
    """What a full disk left of before goes first: nobody consented to that. Raises Refused."""
    await room(desk)
    tenant = whose.enrolled(desk, "tenant", wish.tenant)
    if not may_say(desk.journal.world, tenant, granted=True):
        return done(desk, [], "had consented already")
    if not await details.forget(desk.storage, _own(desk, tenant)):
        raise Refused("disk-full", FIRST_DELETED)
    _keep(desk, tenant, GRANTED, wish.words)
    command = commands.GrantConsent(subject=tenant, words=wish.words is not None, by=by)
    recorded = desk.journal.execute(command)
    await durable(desk, recorded)
    return done(desk, recorded, f"consent granted; {FROM_NOW.format(tenant=wish.tenant)}")


async def withdraw(desk: Desk, wish: ConsentWish, by: Caller) -> Done:
    """If we die before all is deleted, the next start deletes it."""
    await room(desk)
    tenant, world = whose.enrolled(desk, "tenant", wish.tenant), desk.journal.world
    if not may_say(world, tenant, granted=False):
        return done(desk, [], "had withdrawn it already")
    _keep(desk, tenant, WITHDRAWN, wish.words)
    command = commands.WithdrawConsent(subject=tenant, words=wish.words is not None, by=by)
    recorded = desk.journal.execute(command)
    await durable(desk, recorded)
    gone = DELETED if await details.forget(desk.storage, _own(desk, tenant)) else LEFT
    words = NO_MORE.format(tenant=wish.tenant, gone=gone)
    return done(desk, recorded, f"consent withdrawn; {words}")


def _own(desk: Desk, tenant: int) -> list[int]:
    """Its connections, also those that are removed."""
    world = desk.journal.world
    return [*under.connections(world.under, tenant), *world.tenants[tenant].removed]


def _keep(desk: Desk, tenant: int, purpose: str, words: str | None) -> None:
    """Durable before the event that says that there are words."""
    try:
        if words is not None:
            desk.vault.seal(tenant, tenant, purpose, Secret(words))
    except VaultFull:
        raise Refused("disk-full", "the disk is full, nothing was noted; free some space") from None
