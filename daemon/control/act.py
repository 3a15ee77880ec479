"""What can people make the daemon do? Each wish is answered when what it caused is on disk."""

from datetime import timedelta

import msgspec
import trio
from msgspec import UNSET, UnsetType

from daemon import commands, rotation
from daemon.configuration import Duration, check_name, duration, provider_of
from daemon.connect import OtherProvider, check_credential, connect, disconnect
from daemon.control.desk import Desk, Refused
from daemon.control.messages import ConnectionName, Done, NewConnection, Nothing
from daemon.keyring import KeyFixed
from daemon.secret import Secret
from daemon.store.core import StoreFull
from daemon.vault import VaultFull, VaultUnusable
from events.envelope import Recorded
from events.schema import ConnectionAdded, ConnectionChanged, CredentialSet, SyncSkipped
from events.terms import Caller
from projections.connection import Connection

ROOM_WAIT_S = 2.0  # how long a wish waits for a busy writer before it is refused
DURABLE_WAIT_S = 10.0  # how long its commit may take; a slow disk needs a tenth of a second

NOT_WRITTEN = (
    "the disk is full, so what you asked is not written down yet; it takes effect if there is "
    "room before rounds stops: free some space"
)


async def sync(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, connection = desk.find(wish.connection)
    recorded = await _execute(desk, commands.Request(subject=subject, by=by))
    if recorded and isinstance(recorded[0].event, SyncSkipped):
        raise Refused(
            "paused", f"{wish.connection} is paused; type: rounds resume {wish.connection}"
        )
    words = "sync requested" if recorded else "a sync is already requested"
    return _done(desk, recorded, words + (", after the one that runs" if connection.run else ""))


async def pause(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, connection = desk.find(wish.connection)
    recorded = await _execute(desk, commands.Pause(subject=subject, by=by))
    words = "paused" if recorded else "was already paused"
    return _done(desk, recorded, words + ("; what runs goes on" if connection.run else ""))


async def resume(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, _ = desk.find(wish.connection)
    recorded = await _execute(desk, commands.Resume(subject=subject, by=by))
    return _done(desk, recorded, "resumed" if recorded else "was not paused")


async def cancel(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, _ = desk.find(wish.connection)
    recorded = await _execute(desk, commands.Cancel(subject=subject, by=by))
    return _done(desk, recorded, "cancelled" if recorded else "nothing runs or is requested")


async def add(desk: Desk, wish: NewConnection, by: Caller) -> Done:
    """Add a connection; of one that exists, change what is given: interval, credential."""
    if wrong := check_name(wish.connection):
        raise Refused("invalid", wrong)
    if wish.credential is not None and (wrong := check_credential(wish.credential)):
        raise Refused("invalid", f"the credential {wrong}")
    provider = _provider(desk, wish)
    interval = _interval(desk, wish)
    await _room(desk)
    try:
        recorded = await connect(
            desk.journal,
            desk.vault,
            desk.storage,
            wish.connection,
            provider,
            interval=interval,
            credential=Secret(wish.credential) if wish.credential else None,
            by=by,
        )
    except OtherProvider as other:
        raise Refused("invalid", str(other)) from None
    except (StoreFull, VaultFull):
        raise Refused("disk-full", "the disk is full, nothing was added; free some space") from None
    await _durable(desk, recorded)
    return _done(desk, recorded, _what_was_set(recorded))


async def remove(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, connection = desk.find(wish.connection)
    if connection.declared:
        raise Refused(
            "declared",
            f"{wish.connection} stands in the configuration; take it out there and restart roundsd",
        )
    await _room(desk)
    with trio.move_on_after(DURABLE_WAIT_S):
        recorded = await disconnect(desk.journal, desk.vault, subject, by)
        words = "removed, its credential deleted; its data and history are kept"
        return _done(desk, recorded, words)
    raise Refused("disk-full", NOT_WRITTEN)


async def rotate_vault_key(desk: Desk, _: Nothing, by: Caller) -> Done:
    """Seal every secret under a new key. If we die in here, the next start finishes and notes."""
    await _room(desk)
    try:
        sealed = rotation.rotate(desk.vault)
    except KeyFixed as fixed:
        raise Refused("declared", str(fixed)) from None
    except VaultFull:
        raise Refused(
            "disk-full",
            "the disk is full, and the key is not replaced yet; nothing is lost: free some space, "
            "then type `rounds vault rotate` again",
        ) from None
    except VaultUnusable as unusable:
        raise Refused("internal", str(unusable)) from None
    version = desk.vault.key_version
    recorded = await _execute(desk, commands.NoteVaultKey(version=version, sealed=sealed, by=by))
    return _done(
        desk,
        recorded,
        f"sealed {sealed} {'secret' if sealed == 1 else 'secrets'} anew under key {version}; back "
        f"up {desk.vault.ring.path} now: older backups of the vault need the key from before",
    )


def _known(desk: Desk, name: str) -> Connection | None:
    subject = desk.vault.subject("connection", name)
    known = desk.journal.world.connections.get(subject) if subject else None
    return known if known and not known.removed else None


def _provider(desk: Desk, wish: NewConnection) -> str:
    provider = provider_of(wish.connection, wish.provider)
    known = _known(desk, wish.connection)
    if known is not None and wish.provider is None:
        return desk.vault.name(known.provider)
    if provider in desk.configuration.providers:
        return provider
    there = ", ".join(sorted(desk.configuration.providers)) or "none yet"
    raise Refused(
        "invalid",
        f"there is no provider {provider} (known: {there}); put {provider}.toml into "
        f"{desk.places.config.parent / 'providers'} and restart roundsd",
    )


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


def _what_was_set(recorded: list[Recorded]) -> str:
    words = [_SET[type(each.event)] for each in recorded if type(each.event) in _SET]
    if "added" in words:
        return "added; its first sync starts at once"
    return f"{' and '.join(words)} set" if words else "exists already; nothing is new"


_SET = {ConnectionAdded: "added", ConnectionChanged: "interval", CredentialSet: "credential"}


async def _execute(desk: Desk, command: commands.Command) -> list[Recorded]:
    await _room(desk)
    recorded = desk.journal.execute(command)
    await _durable(desk, recorded)
    return recorded


async def _durable(desk: Desk, recorded: list[Recorded]) -> None:
    """Answer only for what is on disk; do not keep people waiting for a disk that is full."""
    with trio.move_on_after(DURABLE_WAIT_S):
        await desk.journal.durable(recorded)
        return
    raise Refused("disk-full", NOT_WRITTEN)


async def _room(desk: Desk) -> None:
    with trio.move_on_after(ROOM_WAIT_S):
        await desk.journal.room()
        return
    raise Refused(
        "disk-full",
        "the log cannot take anything new (the disk is full, or very slow); free some space: "
        "`rounds status` says when it goes on",
    )


def _done(desk: Desk, recorded: list[Recorded], message: str) -> Done:
    return Done(seq=desk.journal.head.seq, events=[each.seq for each in recorded], message=message)
