"""Which answers were doubted, what is held of them, and how do people settle that?"""

from collections.abc import Iterator
from datetime import date
from functools import partial

import trio

from daemon import commands, guard_words
from daemon.control.act import DURABLE_WAIT_S, NOT_WRITTEN, SEEN_LATER, done, execute, room
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.control.quarantine_messages import (
    ChangedRecord,
    DoubtAnswer,
    Doubts,
    DoubtView,
    HeldName,
    HeldView,
    QuarantineQuery,
)
from daemon.decide import capturing, condition
from daemon.decide.capturing import Obstacle
from daemon.store import quarantine
from daemon.store.quarantine import Shown
from events.terms import Caller, RestoreEnd
from events.versions import AcceptanceStarted, RollbackStarted
from projections.connection import Connection
from projections.streams import NEW

LISTED_MAX = 10_000  # in one answer: who has more asks for a connection's
LOOKS = 256  # connections looked at between two turns of the loop

OBSTACLES = {
    Obstacle.NOTHING: "nothing of {of} is held; `rounds data quarantine list` shows what is",
    Obstacle.SYNCING: (
        "{name} is syncing, which may change what is held; wait until it has ended, or type it "
        "again with --wait"
    ),
    Obstacle.RESTORING: (
        "{name} is going back, or something is being taken over there; wait until it has ended, or "
        "type it again with --wait"
    ),
    Obstacle.SUPERSEDED: (
        "of {of} another version is in force than what is held was compared with ({in_force}), so "
        "that it cannot be taken over any more; type: rounds data quarantine drop {name} {stream}"
    ),
}
FULL = "the disk is full, so {of} stays as it was, and what is held stays held: free some space"
FAILED = "rounds itself failed, so {of} stays as it was; its log says where: please report it"
GONE = "{name} was removed meanwhile, and with it what was held"
NOT_THERE = (
    "the data store does not hold it as the log says, or another version is in force meanwhile; "
    "{of} stays as it was; type: rounds data quarantine drop {name} {stream}"
)


async def show_all(desk: Desk, query: QuarantineQuery, by: Caller) -> Doubts:
    """All streams whose last answer was doubted, or of which one is held."""
    world, now = desk.journal.world, desk.journal.clock.now()
    seq = world.seq
    only = (
        [desk.find(query.connection)]
        if query.connection is not None
        else [*world.connections.items()]
    )
    found: list[DoubtView] = []
    for count, (subject, known) in enumerate(only, 1):
        if not known.removed:
            found += _views(desk, subject, known)
        if count % LOOKS == 0:
            await trio.lowlevel.checkpoint()
    found.sort(key=lambda each: (each.connection, each.stream, each.version))
    return Doubts(seq=seq, now=now, doubts=found[:LISTED_MAX])


async def show(desk: Desk, name: HeldName, by: Caller) -> DoubtAnswer:
    """What is held of one stream, or else what was refused of it last."""
    subject, known = desk.find(name.connection)
    now, seq = desk.journal.clock.now(), desk.journal.world.seq
    views = [each for each in _views(desk, subject, known) if each.stream == name.stream]
    if not views:
        raise _refused(desk, Obstacle.NOTHING, known, name)
    view = next((each for each in views if each.kept == "held"), views[0])
    provider = desk.vault.name(known.provider)
    shown = await desk.storage.ask(
        partial(quarantine.show, whose=subject, stream=name.stream, provider=provider)
    )
    doubted = await desk.storage.ask(
        partial(quarantine.doubted, whose=subject, stream=name.stream, provider=provider)
    )
    there = shown if shown and view.kept == "held" and shown.version == view.version else None
    broken = there.offer.broken if there else None
    if broken is None and doubted is not None and doubted.version == view.version:
        broken = doubted.broken
    return DoubtAnswer(
        seq=seq,
        now=now,
        doubt=view,
        in_force=_in_force(desk, known, name.stream),
        gone=broken.gone if broken else [],
        retyped={field: [*types] for field, types in broken.retyped.items()} if broken else {},
        held=_held(there) if there else None,
    )


async def accept(desk: Desk, name: HeldName, by: Caller) -> Done:
    """Take over what is held. It goes on also where whoever asked goes away."""
    subject, known = desk.find(name.connection)
    await room(desk)
    known = desk.journal.world.connections[subject]
    if kept := capturing.obstacle(known, name.stream):
        raise _refused(desk, kept, known, name)
    acceptance = desk.quarantine.accept(
        commands.AcceptHeld(subject=subject, stream=name.stream, by=by), desk.supervisor
    )
    assert acceptance is not None, "nothing was in its way"
    while not acceptance.done.is_set():  # a held version of many rows takes its time
        with trio.move_on_after(DURABLE_WAIT_S):
            await acceptance.done.wait()
        if not acceptance.done.is_set() and not desk.journal.has_room:
            raise Refused("disk-full", NOT_WRITTEN)
    if acceptance.abandoned is not None:
        raise _ended(desk, acceptance.abandoned, known, name)
    rows = desk.journal.world.connections[subject].streams[name.stream].rows
    late = "" if acceptance.visible else f"; {SEEN_LATER}"
    words = (
        f"{name.stream}: what was held is in force as version {acceptance.started.seq}, with "
        f"{rows:,} rows{late}; the next sync goes on from there"
    )
    return done(desk, acceptance.recorded, words)


async def drop(desk: Desk, name: HeldName, by: Caller) -> Done:
    """Give up what is held; what is in force stays."""
    subject, known = desk.find(name.connection)
    recorded = await execute(desk, commands.DropHeld(subject=subject, stream=name.stream, by=by))
    if not recorded:
        known = desk.journal.world.connections[subject]
        kept = capturing.obstacle(known, name.stream) or Obstacle.NOTHING
        raise _refused(desk, kept, known, name)
    return done(desk, recorded, f"{name.stream}: what was held is dropped; what is in force stays")


def _refused(desk: Desk, kept: Obstacle, known: Connection, name: HeldName) -> Refused:
    words = _said(desk, OBSTACLES[kept], known, name)
    if kept is Obstacle.NOTHING:
        return Refused("not-found", words)
    if kept in capturing.PASSING:
        return Refused("busy", words)
    return Refused("invalid", words)


def _ended(desk: Desk, how: RestoreEnd, known: Connection, name: HeldName) -> Refused:
    match how:
        case RestoreEnd.DISK_FULL:
            return Refused("disk-full", _said(desk, FULL, known, name))
        case RestoreEnd.FAILED:
            return Refused("internal", _said(desk, FAILED, known, name))
        case RestoreEnd.REMOVED:
            return Refused("not-found", _said(desk, GONE, known, name))
        case _:
            return Refused("invalid", _said(desk, NOT_THERE, known, name))


def _said(desk: Desk, words: str, known: Connection, name: HeldName) -> str:
    return words.format(
        name=name.connection,
        stream=name.stream,
        of=f"{name.connection} {name.stream}",
        in_force=_in_force(desk, known, name.stream),
    )


def _in_force(desk: Desk, known: Connection, stream: str) -> str:
    """Which version is in force, and whence it came; newer data, or older that was gone back to."""
    version = known.streams.get(stream, NEW).version
    opened = desk.journal.log.read(version - 1, limit=1) if version else []
    match [each.event for each in opened]:
        case [RollbackStarted(to=to)]:
            return f"version {version}: went back to event {to}"
        case [AcceptanceStarted(quarantined=held)]:
            return f"version {version}: took over version {held}"
        case _:
            return f"version {version}, of a sync" if version else "none"


def _views(desk: Desk, subject: int, known: Connection) -> Iterator[DoubtView]:
    """Of each stream what is held, and what was refused later than that."""
    for name, stream in known.streams.items():
        held = stream.held
        if held is not None:
            yield DoubtView(
                connection=desk.vault.name(subject),
                stream=name,
                kept="held",
                version=held.version,
                guard=held.guard,
                at=held.at,
                rows=stream.rows,
                message=guard_words.what(held),
                offered=held.offered,
                fetched=held.fetched,
                share=held.share,
                limit=held.limit,
                fields=held.fields,
                obstacle=capturing.obstacle(known, name),
            )
        version = stream.failed_in or stream.version  # where other days of it came
        if stream.doubt is not None and not (held and held.version == version):
            yield DoubtView(
                connection=desk.vault.name(subject),
                stream=name,
                kept="refused",
                version=version,
                guard=stream.doubt,
                at=stream.failed_at,
                rows=stream.rows,
                message=condition.message_of(known, name),
            )


def _held(shown: Shown) -> HeldView:
    offer, some = shown.offer, shown.examples
    return HeldView(
        base=shown.base,
        added=offer.added,
        changed=offer.changed,
        removed=offer.removed,
        rows=offer.rows,
        days=[date.fromisoformat(day) for day in offer.days],
        added_examples=some.added,
        changed_examples=[
            ChangedRecord(before=before, after=after) for before, after in some.changed
        ],
        removed_examples=some.removed,
    )
