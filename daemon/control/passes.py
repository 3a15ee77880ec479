"""How do people sync many connections at once?"""

from daemon import commands
from daemon.control.account_messages import SyncAllWish
from daemon.control.act import done, durable, room
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.decide.retry import may_be_asked
from events.terms import Caller
from projections.connection import Connection

BATCH = 256  # requests between two looks at whether the writer keeps up


async def sync_all(desk: Desk, wish: SyncAllWish, by: Caller) -> Done:
    """Request all of them, leaving out what is paused or waits for a person.

    If we die in here, those requested so far are the pass.
    """
    wanted = [
        subject
        for subject, known in desk.journal.world.connections.items()
        if may_be_asked(known, desk.journal.world) and _is_meant(desk, wish, known)
    ]
    if not wanted:
        raise Refused("not-found", "there is no such connection that could be synced now")
    await room(desk)
    begun = desk.journal.execute(commands.BeginPass(by=by))
    if not begun:
        raise Refused("paused", "a sync of many is under way; `rounds log tail` shows its end")
    number, last = begun[0].seq, begun
    for count, subject in enumerate(wanted, 1):
        request = commands.Request(subject=subject, by=by, pass_=number)
        last = desk.journal.execute(request) or last
        if count % BATCH == 0:
            await desk.journal.room()
    last = desk.journal.execute(commands.FillPass(number=number)) or last
    await durable(desk, last)
    return done(desk, begun, _words(len(wanted)))


def _words(many: int) -> str:
    return "1 sync requested" if many == 1 else f"{many:,} syncs requested"


def _is_meant(desk: Desk, wish: SyncAllWish, known: Connection) -> bool:
    tenant = wish.tenant is None or desk.vault.name(known.tenant) == wish.tenant
    provider = wish.provider is None or desk.vault.name(known.provider) == wish.provider
    return tenant and provider
