"""How do people sync many connections at once?"""

from daemon import commands
from daemon.control import whose
from daemon.control.account_messages import SyncAllWish
from daemon.control.act import done, durable, room
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.decide import vain
from daemon.decide.passes import PASSES_MAX
from daemon.decide.retry import refusal
from events.terms import Caller

BATCH = 256  # requests between two looks at whether the writer keeps up
NAMED_MAX = 5  # of those left out: `rounds status` shows them all
REQUESTED = "requested already"


async def sync_all(desk: Desk, wish: SyncAllWish, by: Caller) -> Done:
    """Request all of them, leaving out what is paused or waits for a person.

    If we die in here, those requested so far are the pass.
    """
    wanted, left_out = await _sorted(desk, wish)
    if not wanted:
        raise Refused("not-found", _none(left_out))
    await room(desk)
    begun = desk.journal.execute(commands.BeginPass(by=by))
    if not begun:
        raise Refused(
            "paused",
            f"{PASSES_MAX} of these are under way already; `rounds queue` shows what they wait for",
        )
    number, last = begun[0].seq, begun
    for count, subject in enumerate(wanted, 1):
        request = commands.Request(subject=subject, by=by, pass_=number)
        last = desk.journal.execute(request) or last
        if count % BATCH == 0:
            await desk.journal.room()
    last = desk.journal.execute(commands.FillPass(number=number)) or last
    await durable(desk, last)
    return done(desk, begun, _words(len(wanted), left_out))


async def _sorted(desk: Desk, wish: SyncAllWish) -> tuple[list[int], dict[int, str]]:
    """Those to be requested, and the others with what keeps them."""
    wanted: list[int] = []
    left_out: dict[int, str] = {}
    world = desk.journal.world
    async for subject, known in whose.unhurried(whose.of(desk, wish.tenant)):
        if wish.provider is not None and desk.vault.name(known.provider) != wish.provider:
            continue
        asked = known.schedule.request
        if asked and not vain.gives_way(asked):
            left_out[subject] = f"{desk.vault.name(subject)} ({REQUESTED})"
        elif reason := refusal(known, world):
            left_out[subject] = f"{desk.vault.name(subject)} ({reason})"
        else:
            wanted.append(subject)
    return wanted, left_out


def _none(left_out: dict[int, str]) -> str:
    if not left_out:
        return "there is no such connection; `rounds connection list` shows those there are"
    return f"nothing was requested; {_named(left_out)}"


def _words(many: int, left_out: dict[int, str]) -> str:
    requested = "1 sync requested" if many == 1 else f"{many:,} syncs requested"
    return f"{requested}; {_named(left_out)}" if left_out else requested


def _named(left_out: dict[int, str]) -> str:
    names = [*left_out.values()]
    more = f" and {len(names) - NAMED_MAX:,} more" if len(names) > NAMED_MAX else ""
    return f"{len(names):,} left out: {', '.join(names[:NAMED_MAX])}{more}"
