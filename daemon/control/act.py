"""What can people make the daemon do? Each wish is answered when what it caused is on disk."""

from datetime import timedelta

import msgspec
import trio

from daemon import commands
from daemon.configuration import Duration, check_name, duration, provider_of
from daemon.connect import OtherProvider, connect
from daemon.control.desk import Desk, Refused
from daemon.control.messages import ConnectionName, Done, NewConnection
from daemon.secret import Secret
from events.envelope import Recorded
from events.schema import Caller, SyncSkipped
from projections.connection import Connection

ROOM_WAIT_S = 2.0  # how long a wish waits for a busy writer before it is refused
DURABLE_WAIT_S = 10.0  # how long its commit may take; a slow disk needs a tenth of a second
CREDENTIAL_MAX = 8192  # characters; a JSON Web Token is some 2,000


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
    subject, connection = desk.find(wish.connection)
    recorded = await _execute(desk, commands.Cancel(subject=subject, by=by))
    if recorded and connection.run:
        desk.supervisor.cancel(subject)
    return _done(desk, recorded, "cancelled" if recorded else "nothing runs or is requested")


async def add(desk: Desk, wish: NewConnection, by: Caller) -> Done:
    """Add a connection; of one that exists, change what is given: interval, credential."""
    if wrong := check_name(wish.connection):
        raise Refused("invalid", wrong)
    if len(wish.credential or "") > CREDENTIAL_MAX:
        raise Refused("invalid", f"a credential has at most {CREDENTIAL_MAX} characters")
    known = _known(desk, wish.connection)
    provider = _provider(desk, wish)
    interval = _interval(wish, known)
    await _room(desk)
    try:
        recorded = await connect(
            desk.journal,
            desk.vault,
            desk.storage,
            wish.connection,
            provider,
            declared=known is not None and known.declared,
            interval=interval,
            credential=Secret(wish.credential) if wish.credential else None,
            by=by,
        )
    except OtherProvider as other:
        raise Refused("invalid", str(other)) from None
    await _durable(desk, recorded)
    if known is None:
        return _done(desk, recorded, "added")
    changed = " and ".join(
        word
        for word, given in (("interval", wish.interval), ("credential", wish.credential))
        if given
    )
    return _done(desk, recorded, f"{changed} set" if changed else "exists already; nothing changed")


async def remove(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, connection = desk.find(wish.connection)
    if connection.declared:
        raise Refused(
            "declared",
            f"{wish.connection} stands in the configuration; take it out there and restart roundsd",
        )
    recorded = await _execute(desk, commands.Remove(subject=subject, by=by))
    desk.supervisor.cancel(subject)
    desk.vault.forget(subject, "credential")
    return _done(desk, recorded, "removed, its credential deleted; its data and history are kept")


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


def _interval(wish: NewConnection, known: Connection | None) -> timedelta | None:
    if wish.interval is None:
        return known.interval if known else None
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
    raise Refused(
        "disk-full",
        "the disk is full, so what you asked is not written down yet; it takes effect if there is "
        "room before rounds stops: free some space",
    )


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
