"""What can people make the daemon do? Each wish is answered when what it caused is on disk."""

import trio

from daemon import commands, duration, rotation
from daemon.control.account_messages import SyncWish
from daemon.control.desk import Desk, Refused
from daemon.control.messages import ConnectionName, Done, Nothing
from daemon.control.policy_messages import RetryWish
from daemon.decide import hindrance, quiet
from daemon.decide.hindrance import Hindrance
from daemon.keyring import KeyFixed
from daemon.stream_file import Window
from daemon.vault import VaultFull, VaultUnusable
from events.envelope import Recorded
from events.schema import BackfillEnded, SyncRequested, SyncSkipped
from events.terms import Caller, RunOptions, SkipReason
from projections import policy
from projections.connection import Connection
from projections.grant import Phase

ROOM_WAIT_S = 2.0  # how long a wish waits for a busy writer before it is refused
DURABLE_WAIT_S = 10.0  # how long its commit may take; a slow disk needs a tenth of a second

WAITS_FOR = {
    Hindrance.BREAKER: "a breaker is open for {left} more: --force goes before it",
    Hindrance.ASKED_TO_WAIT: (
        "the provider asked to be left alone for {left} more: --force goes before it"
    ),
    Hindrance.RESTORING: "it goes back to earlier data just now, and waits for that",
    Hindrance.CRASHED: "rounds itself failed on it, and leaves it alone for {left} more",
    Hindrance.FLEET_FULL: "it waits for a place",
    Hindrance.PROVIDER_FULL: "it waits for a place at its provider",
    Hindrance.PROBE: "it waits for the probe of its provider's breaker",
}
NOT_WRITTEN = (
    "the disk is full, so what you asked is not written down yet; it takes effect if there is "
    "room before rounds stops: free some space"
)
SEEN_LATER = "it is seen once the disk, which is full, has room"


async def sync(desk: Desk, wish: SyncWish, by: Caller) -> Done:
    subject, connection = desk.find(wish.connection)
    options = _options(wish)
    if wish.days is not None and not day_by_day(desk, connection):
        raise Refused("invalid", f"{wish.connection} has no stream that is fetched day by day")
    if wish.failed_days and not any(each.failed_days for each in connection.streams.values()):
        return done(desk, [], "no day is owed")
    request = commands.Request(subject=subject, by=by, options=options, forced=wish.force)
    recorded = await execute(desk, request)
    if recorded and isinstance(recorded[0].event, SyncSkipped):
        raise _skipped(wish.connection, recorded[0].event.reason)
    words = "sync requested" if recorded else "a sync is already requested"
    words += ", after the one that runs" if connection.run else ""
    words += "" if wish.force else _waits(desk, subject)
    if options and not recorded:
        words += "; what you ask for this one alone is not heeded: ask again once that one runs"
    return done(desk, _requests(recorded), words)


async def retry(desk: Desk, wish: RetryWish, by: Caller) -> Done:
    """Try again by hand: what waits for its retry, or what failed last."""
    subject, connection = desk.find(wish.connection)
    recorded = await execute(desk, commands.Retry(subject=subject, by=by, forced=wish.force))
    if recorded and isinstance(recorded[0].event, SyncSkipped):
        raise _skipped(wish.connection, recorded[0].event.reason)
    if recorded:
        words = "retry requested" + ("" if wish.force else _waits(desk, subject))
        return done(desk, _requests(recorded), words)
    asked = connection.schedule.request is not None
    return done(desk, [], "a sync is already requested" if asked else "nothing failed")


def _waits(desk: Desk, subject: int) -> str:
    """What keeps a request from starting at once, if anything does: quiet hours do not."""
    world, now = desk.journal.world, desk.journal.clock.now()
    held = None if world.connections[subject].run else hindrance.of(world, subject, now)
    if held is not None and held.why in WAITS_FOR:
        left = duration.text(duration.rounded_up(held.until - now)) if held.until else ""
        return f"; {WAITS_FOR[held.why].format(left=left)}"
    if quiet.ends(policy.of_connection(world, subject), now):
        return "; it is inside quiet hours, which what you ask for does not wait for"
    return ""


async def pause(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, connection = desk.find(wish.connection)
    recorded = await execute(desk, commands.Pause(subject=subject, by=by))
    words = "paused" if recorded else "was already paused"
    return done(desk, recorded, words + ("; what runs goes on" if connection.run else ""))


async def resume(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, connection = desk.find(wish.connection)
    recorded = await execute(desk, commands.Resume(subject=subject, by=by))
    words = "resumed" if recorded else "was not paused"
    if connection.grant.phase is Phase.NEEDED:
        words += f"; it waits to be authorised: rounds connection authorize {wish.connection}"
    return done(desk, recorded, words)


async def cancel(desk: Desk, wish: ConnectionName, by: Caller) -> Done:
    subject, _ = desk.find(wish.connection)
    recorded = await execute(desk, commands.Cancel(subject=subject, by=by))
    if not recorded:
        return done(desk, recorded, "nothing runs or is requested")
    if any(isinstance(each.event, BackfillEnded) for each in recorded):
        return done(desk, recorded, "backfill cancelled; what it fetched is kept")
    left = desk.journal.world.connections[subject].backfill
    more = "; its backfill goes on, until you type it once more" if left else ""
    return done(desk, recorded, f"cancelled{more}")


async def rotate_vault_key(desk: Desk, _: Nothing, by: Caller) -> Done:
    """Seal every secret under a new key. If we die in here, the next start finishes and notes."""
    await room(desk)
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
    recorded = await execute(desk, commands.NoteVaultKey(version=version, sealed=sealed, by=by))
    return done(
        desk,
        recorded,
        f"sealed {sealed} {'secret' if sealed == 1 else 'secrets'} anew under key {version}; back "
        f"up {desk.vault.ring.path} now: older backups of the vault need the key from before",
    )


def day_by_day(desk: Desk, connection: Connection) -> dict[str, Window]:
    """The streams of a connection that are fetched day by day."""
    provider = desk.providers.get(connection.provider)
    streams = provider.file.streams if provider else {}
    return {name: each.window for name, each in streams.items() if each.window}


def _options(wish: SyncWish) -> RunOptions | None:
    """What holds for this run alone, if anything does."""
    threshold = duration.duration(wish.threshold) if wish.threshold else None
    options = RunOptions(days=wish.days, threshold=threshold, failed_days=wish.failed_days)
    return None if options == RunOptions() else options


def _skipped(name: str, reason: SkipReason) -> Refused:
    if reason is SkipReason.NOT_AUTHORISED:
        return Refused(
            "not-authorised",
            f"{name} waits to be authorised; type: rounds connection authorize {name}",
        )
    if reason is SkipReason.BREAKER:
        return Refused(
            "breaker",
            f"a breaker keeps {name} until somebody closes it: `rounds breaker list` says why; "
            "--force goes before it",
        )
    return Refused("paused", f"{name} is paused; type: rounds resume {name}")


async def execute(desk: Desk, command: commands.Command) -> list[Recorded]:
    await room(desk)
    recorded = desk.journal.execute(command)
    await durable(desk, recorded)
    return recorded


async def durable(desk: Desk, recorded: list[Recorded]) -> None:
    """Answer only for what is on disk; do not keep people waiting for a disk that is full."""
    with trio.move_on_after(DURABLE_WAIT_S):
        await desk.journal.durable(recorded)
        return
    raise Refused("disk-full", NOT_WRITTEN)


async def room(desk: Desk) -> None:
    with trio.move_on_after(ROOM_WAIT_S):
        await desk.journal.room()
        return
    raise Refused(
        "disk-full",
        "the log cannot take anything new (the disk is full, or very slow); free some space: "
        "`rounds status` says when it goes on",
    )


def _requests(recorded: list[Recorded]) -> list[Recorded]:
    """The request itself, without what it stands in for."""
    return [each for each in recorded if isinstance(each.event, SyncRequested)]


def done(desk: Desk, recorded: list[Recorded], message: str) -> Done:
    return Done(seq=desk.journal.head.seq, events=[each.seq for each in recorded], message=message)
