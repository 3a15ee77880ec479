"""How do people add, change and remove connections?"""

from datetime import date, timedelta

import msgspec
import trio
from msgspec import UNSET, UnsetType

from daemon import account, retirement_words
from daemon.auth_file import OAuth2
from daemon.configuration import check_name, check_settings, provider_of
from daemon.connect import OtherProvider, check_credential, connect, disconnect
from daemon.control.act import DURABLE_WAIT_S, NOT_WRITTEN, done, durable, room
from daemon.control.desk import Desk, Refused
from daemon.control.messages import ConnectionName, Done, NewConnection
from daemon.duration import Duration, duration
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.store.core import StoreFull
from daemon.vault import VaultFull
from events.envelope import Recorded
from events.schema import ConnectionAdded, ConnectionChanged, CredentialSet
from events.terms import Caller
from projections.connection import Connection
from projections.grant import Phase


async def add(desk: Desk, wish: NewConnection, by: Caller) -> Done:
    """Add a connection; of one that exists, change what is given: interval, credential."""
    if wrong := check_name(wish.connection):
        raise Refused("invalid", wrong)
    _check_tenant(desk, wish.connection)
    file = _provider(desk, wish)
    if wish.credential is not None and (wrong := check_credential(wish.credential, file.auth)):
        raise Refused("invalid", f"the credential {wrong}")
    settings = _settings(desk, wish, file)
    interval = _interval(desk, wish)
    await room(desk)
    try:
        recorded = await connect(
            desk.journal,
            desk.vault,
            desk.storage,
            wish.connection,
            file,
            interval=interval,
            credential=Secret(wish.credential) if wish.credential else None,
            settings=settings,
            by=by,
        )
    except OtherProvider as other:
        raise Refused("invalid", str(other)) from None
    except (StoreFull, VaultFull):
        raise Refused("disk-full", "the disk is full, not all was set; free some space") from None
    await durable(desk, recorded)
    return done(desk, recorded, _what_was_set(desk, wish.connection, recorded))


def _check_tenant(desk: Desk, name: str) -> None:
    """Whoever may see some tenants alone adds connections of no others, there or not."""
    tenant = name.split("/", maxsplit=1)[0]
    if desk.sees is not None and desk.vault.subject("tenant", tenant) is None:
        raise Refused("not-allowed", f"you may not add connections of {tenant}")


async def remove(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, connection = desk.find(wish.connection)
    if connection.declared:
        raise Refused(
            "declared",
            f"{wish.connection} stands in the configuration; take it out there and restart roundsd",
        )
    await room(desk)
    with trio.move_on_after(DURABLE_WAIT_S):
        recorded = await disconnect(desk.journal, desk.vault, subject, by)
        desk.cache.forget(subject)
        words = "removed, its credential deleted; its data and history are kept"
        return done(desk, recorded, words)
    raise Refused("disk-full", NOT_WRITTEN)


def _known(desk: Desk, name: str) -> Connection | None:
    subject = desk.vault.subject("connection", name)
    known = desk.journal.world.connections.get(subject) if subject else None
    return known if known and not known.removed else None


def _provider(desk: Desk, wish: NewConnection) -> ProviderFile:
    provider = provider_of(wish.connection, wish.provider)
    known = _known(desk, wish.connection)
    if known is not None and wish.provider is None:
        provider = desk.vault.name(known.provider)
    if file := desk.configuration.providers.get(provider):
        today = desk.journal.clock.now().date()
        if known is None and retirement_words.is_off(file.retired, today):
            raise Refused("invalid", _retired(desk, wish.connection, file, today))
        return file
    there = ", ".join(sorted(desk.configuration.providers)) or "none yet"
    raise Refused(
        "invalid",
        f"there is no provider {provider} (known: {there}); put {provider}.toml into "
        f"{desk.places.config.parent / 'providers'} and restart roundsd",
    )


def _retired(desk: Desk, name: str, file: ProviderFile, today: date) -> str:
    """What to do instead: those who have a connection there move it, with its past."""
    sentence = f"{file.title or file.name} was {retirement_words.off(file.retired, today)}"
    if file.successor is None:
        return sentence
    tenant = name.split("/", maxsplit=1)[0]
    there = desk.vault.subject("provider", file.name)
    movable = [
        desk.vault.name(subject)
        for subject, each in desk.journal.world.connections.items()
        if each.provider == there and not each.removed
        if desk.vault.name(subject).startswith(f"{tenant}/")
    ]
    sentence += f"; its successor: rounds connection add {tenant}/{file.successor}"
    if not movable:
        return sentence
    return f"{sentence}; to move {movable[0]} there: {retirement_words.RELINK} {movable[0]}"


def _settings(desk: Desk, wish: NewConnection, file: ProviderFile) -> dict[str, str] | None:
    """Check what was given together with what is set already."""
    subject = desk.vault.subject("connection", wish.connection)
    known = _known(desk, wish.connection)
    if known is not None and wish.settings is None:
        return None
    if known is not None and known.declared:
        raise Refused(
            "declared",
            f"{wish.connection} stands in the configuration; change its settings there",
        )
    before = account.own_settings(desk.vault, known.tenant, subject) if known and subject else {}
    if wrong := check_settings(file, {**before, **(wish.settings or {})}):
        raise Refused("invalid", f"{wish.connection} {wrong}; give it with --set NAME=VALUE")
    return wish.settings


def _interval(desk: Desk, wish: NewConnection) -> timedelta | UnsetType:
    if wish.interval is None:
        return UNSET
    known = _known(desk, wish.connection)
    if known is not None and known.declared:
        raise Refused(
            "declared",
            f"{wish.connection} stands in the configuration; change its interval there",
        )
    try:
        return duration(msgspec.convert(wish.interval, Duration))
    except (msgspec.ValidationError, OverflowError):
        raise Refused(
            "invalid",
            f"{wish.interval!r} is not an interval; write 15m, 6h, 7d, or hourly, daily, weekly",
        ) from None


def _what_was_set(desk: Desk, name: str, recorded: list[Recorded]) -> str:
    events = [each.event for each in recorded]
    known = _known(desk, name)
    if any(isinstance(event, ConnectionAdded) for event in events):
        if known and known.grant.phase is Phase.NEEDED:
            return f"added; {next_step(desk, name, known)}"
        return "added; its first sync starts at once"
    words = ["interval" for event in events if isinstance(event, ConnectionChanged)]
    words += [event.purpose for event in events if isinstance(event, CredentialSet)]
    return f"{' and '.join(words)} set" if words else "exists already; nothing is new"


def next_step(desk: Desk, name: str, connection: Connection) -> str:
    subject = desk.vault.subject("connection", name)
    assert subject is not None, "it was just added"
    authorise = f"rounds connection authorize {name}"
    provider = desk.vault.name(connection.provider)
    auth = desk.configuration.providers[provider].auth
    assert isinstance(auth, OAuth2), "only what speaks OAuth waits for a person"
    if account.client(desk.vault, connection, subject, auth):
        return f"it waits to be authorised: {authorise}"
    return f"type next: rounds provider client {provider}; then: {authorise}"
