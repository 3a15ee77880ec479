"""How do people move a connection to another provider, such as the one that follows its own?"""

import trio
from msgspec import Struct

from daemon import account, retirement_words
from daemon.auth_file import NoAuth, OAuth2
from daemon.configuration import check_name, check_settings
from daemon.connect import check_credential
from daemon.control.act import DURABLE_WAIT_S, NOT_WRITTEN, done, durable, room
from daemon.control.desk import Desk, Refused
from daemon.control.membership import next_step
from daemon.control.messages import Done
from daemon.control.outbox import counted
from daemon.control.outbox_messages import WritesView
from daemon.control.provider_messages import RelinkWish
from daemon.decide import relinking
from daemon.decide.relinking import Obstacle
from daemon.provider_file import ProviderFile
from daemon.relinking import NotMoved
from daemon.secret import Secret
from daemon.vault import VaultFull
from events.terms import Caller
from projections.connection import Connection
from projections.grant import Phase

BUSY = {
    Obstacle.SYNCING: (
        "is syncing; wait until it has ended (`rounds sync {name} --wait`), or type: "
        "rounds cancel {name}"
    ),
    Obstacle.WRITING: (
        "is delivering a write that waited, or one was cut off by a crash; type it again, or see "
        "`rounds outbox list {name}`"
    ),
    Obstacle.RESTORING: (
        "is going back, or what was held of it is being taken over; type it again once that is over"
    ),
    Obstacle.RENEWING: "is renewing its token, which takes seconds; type it again then",
    Obstacle.RESTORING: "goes back to earlier data just now; type it again once that is over",
}
CALLED = "is being called for, or authorised; type it again once that has ended"


class _Plan(Struct, frozen=True, kw_only=True):
    """Where a connection goes, how it is called there, and what waits that does not go with it."""

    subject: int
    known: Connection
    before: str
    file: ProviderFile
    name: str
    writes: WritesView | None


async def relink(desk: Desk, wish: RelinkWish, by: Caller) -> Done:
    """Move a connection. Its past, its counters and its own settings go with it."""
    await room(desk)
    plan = _plan(desk, wish)
    if wish.dry_run:
        return done(desk, [], f"{_what(desk, wish, plan, 'would be')}; nothing was done")
    try:
        under_way = desk.relinker.relink(
            plan.subject,
            plan.file,
            plan.name,
            credential=Secret(wish.credential) if wish.credential else None,
            settings=wish.settings,
            by=by,
        )
    except NotMoved:
        raise Refused("busy", f"{wish.connection} {CALLED}") from None
    except VaultFull:
        raise Refused("disk-full", "the disk is full, nothing was done; free some space") from None
    desk.authorisations.forget(plan.subject)
    desk.cache.forget(plan.subject)
    await durable(desk, under_way.recorded)
    with trio.move_on_after(DURABLE_WAIT_S):
        await under_way.done.wait()
        words = f"{_what(desk, wish, plan, 'is')}; {_next(desk, plan)}"
        return done(desk, under_way.recorded, words)
    raise Refused("disk-full", NOT_WRITTEN)


def _plan(desk: Desk, wish: RelinkWish) -> _Plan:
    """What is asked for, if it can be done. Raises Refused."""
    subject, known = desk.find(wish.connection)
    before = desk.vault.name(known.provider)
    file = _target(desk, wish, known, before)
    name = _called(desk, wish, subject, before, file)
    if known.declared:
        raise Refused(
            "declared",
            f"{wish.connection} stands in the configuration; write there, in its place, "
            f'[connections."{name}"] with was = "{wish.connection}", and restart roundsd',
        )
    _check_idle(desk, wish.connection, subject, file)
    if wish.credential is not None and (wrong := check_credential(wish.credential, file.auth)):
        raise Refused("invalid", f"the credential {wrong}")
    if wrong := check_settings(file, wish.settings or {}):
        raise Refused("invalid", f"{wish.connection} {wrong}; give it with --set NAME=VALUE")
    return _Plan(
        subject=subject,
        known=known,
        before=before,
        file=file,
        name=name,
        writes=counted(desk.journal.world.outboxes.get(subject, ())),
    )


def _target(desk: Desk, wish: RelinkWish, known: Connection, before: str) -> ProviderFile:
    own = desk.providers.get(known.provider)
    wanted = wish.provider or (own.file.successor if own else None)
    if wanted is None:
        raise Refused(
            "invalid",
            f"the file of {before} names no successor; say where to with --to PROVIDER",
        )
    file = desk.configuration.providers.get(wanted)
    if file is None:
        there = ", ".join(sorted(desk.configuration.providers)) or "none yet"
        raise Refused(
            "invalid",
            f"there is no provider {wanted} (known: {there}); put {wanted}.toml into "
            f"{desk.places.config.parent / 'providers'} and restart roundsd",
        )
    if wanted == before:
        raise Refused("invalid", f"{wish.connection} is at {before} already; nothing is to be done")
    today = desk.journal.clock.now().date()
    if retirement_words.is_off(file.retired, today):
        off = retirement_words.off(file.retired, today)
        raise Refused("invalid", f"{file.title or wanted} was {off}; say another one with --to")
    return file


def _called(desk: Desk, wish: RelinkWish, subject: int, before: str, file: ProviderFile) -> str:
    """Its name there: the provider's part of it changes, where it says the provider."""
    tenant, called, *account = wish.connection.split("/")
    name = wish.name or "/".join((tenant, file.name if called == before else called, *account))
    if wrong := check_name(name):
        raise Refused("invalid", wrong)
    if name.split("/", maxsplit=1)[0] != tenant:
        raise Refused("invalid", f"{name} would be another tenant's; a connection stays its own's")
    other = desk.vault.subject("connection", name)
    known = desk.journal.world.connections.get(other) if other else None
    if known is None or other == subject:
        return name
    whose = "was removed, and its data is kept under that name" if known.removed else "exists"
    raise Refused("taken", f"{name} {whose}; say how to call this one with --as, such as {name}/2")


def _check_idle(desk: Desk, name: str, subject: int, file: ProviderFile) -> None:
    at = desk.vault.enrol("provider", file.name)
    held = relinking.obstacle(subject, at, desk.journal.world)
    if held is not None:
        raise Refused("busy", f"{name} {BUSY[held].format(name=name)}")
    if desk.supervisor.is_busy(subject):
        raise Refused("busy", f"{name} {BUSY[Obstacle.SYNCING].format(name=name)}")
    if desk.gateway.is_busy(subject) or desk.keeper.turns.is_taken(subject):
        raise Refused("busy", f"{name} {CALLED}")


def _what(desk: Desk, wish: RelinkWish, plan: _Plan, verb: str) -> str:
    """What becomes of its name, its credential, its data, and of what stands in the file."""
    there = plan.file.title or plan.file.name
    words = [f"it {verb} moved to {there}, and {verb} called {plan.name} there"]
    words.append(f"its credential for {plan.before} {verb} deleted")
    if plan.writes is not None:
        words.append(_dropped(plan.writes, plan.before, verb))
    if plan.known.streams:
        stream = next(iter(plan.known.streams))
        words.append(
            f"what {plan.before} gave stays: rounds data show {plan.name} {stream} "
            f"--provider {plan.before}"
        )
    if wish.connection in desk.configuration.settings.policy.connections:
        words.append(
            f"rename the table policy.connections.{wish.connection} before the next start of "
            "roundsd, lest its settings hold no longer"
        )
    return "; ".join(words)


def _dropped(writes: WritesView, before: str, verb: str) -> str:
    count, many = writes.waiting, writes.waiting > 1
    that = f"{count} writes that wait" if many else "1 write that waits"
    becomes = "are" if many and verb == "is" else verb
    doubt = f", {writes.in_doubt} of them in doubt" if many else ", in doubt"
    return f"{that} for {before} {becomes} dropped{doubt if writes.in_doubt else ''}"


def _next(desk: Desk, plan: _Plan) -> str:
    """What is to be typed next, if anything is; the connection has its new name by now."""
    known = desk.journal.world.connections[plan.subject]
    if known.grant.phase is Phase.NEEDED:
        return next_step(desk, plan.name, known)
    if _lacks_credential(desk, plan, known):
        return f"its credential is needed: rounds connection add {plan.name} --credential-stdin"
    paused = f"it is paused: rounds resume {plan.name}"
    return paused if known.paused else "its first sync starts at once"


def _lacks_credential(desk: Desk, plan: _Plan, known: Connection) -> bool:
    auth = plan.file.auth
    if isinstance(auth, OAuth2):
        return account.client(desk.vault, known, plan.subject, auth) is None
    wants = not isinstance(auth, NoAuth)
    return wants and account.credential(desk.vault, known, plan.subject) is None
