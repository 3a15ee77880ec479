"""Which version of a stream was in force then: at a time, at an event, or simply that version?

The log is asked, not the clock of the store: a version is in force from the event on that recorded
it, which comes after the one that it is named by.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import partial

import trio
from msgspec import Struct

from daemon.control import asof
from daemon.control.desk import Desk, Refused
from daemon.store import versions
from daemon.store.versions import Kept
from events.envelope import Recorded
from events.log import READ_EVENTS
from events.schema import ConnectionAdded, ConnectionRelinked, Event
from projections.connection import Connection
from projections.streams import NEW, Streams
from projections.versions import Changed, brought

FEW = 64  # events read first: what a sync records before its data comes, as a rule
NEAR = 3  # versions looked at: the newest by then may have come into force only later
TRIES, PAUSE_S = 40, 0.05  # what was recorded is visible a moment later
NUMBER_MAX = 2**63 - 1


class Asked(Struct, frozen=True, kw_only=True):
    """Whose stream is meant, as it was typed; without a provider, of whichever fits."""

    subject: int
    known: Connection
    connection: str
    stream: str
    provider: str | None


class Brought(Struct, frozen=True, kw_only=True):
    """How a version came into force: the event that opened it, and the one that recorded it."""

    opened: Event | None
    recorded: Recorded
    changed: Changed


class Then(Struct, frozen=True, kw_only=True):
    """A version that is there, whose it is, and the event that brought it into force."""

    provider: str
    version: int
    event: int | None = None
    at: datetime | None = None


def ask(desk: Desk, connection: str, stream: str, provider: str | None) -> Asked:
    """Raises Refused where there never was such a connection, or it never was that provider's."""
    subject, known = desk.ever(connection)
    asked = Asked(
        subject=subject, known=known, connection=connection, stream=stream, provider=provider
    )
    everywhere(desk, asked)
    return asked


def everywhere(desk: Desk, asked: Asked) -> Mapping[int, Streams]:
    """The streams of each provider that is meant: the present one first, the last before next."""
    known = asked.known
    own: dict[int, Streams] = {known.provider: known.streams}
    found = {**own, **dict(reversed([*known.former.items()]))}
    if asked.provider is None:
        return found
    named = desk.vault.subject("provider", asked.provider)
    if named is None or named not in found:
        raise unknown(desk, asked)
    return {named: found[named]}


def unknown(desk: Desk, asked: Asked) -> Refused:
    known = asked.known
    there = [*sorted(known.streams)]
    there += [
        f"{name} of {desk.vault.name(at)}"
        for at, streams in known.former.items()
        for name in sorted(streams)
    ]
    of = f" of {asked.provider}" if asked.provider else ""
    return Refused(
        "not-found",
        f"{asked.connection} has no stream {asked.stream}{of} "
        f"(it has: {', '.join(there) or 'none yet'})",
    )


async def resolve(desk: Desk, asked: Asked, when: str | None) -> Then:
    """The version in force then; without a `when`, now. Raises Refused."""
    if when is not None and (named := re.fullmatch(r"v([0-9]{1,18})", when)):
        return await exactly(desk, asked, int(named[1]))
    last, words = (desk.journal.head.seq, "") if when is None else await _moment(desk, when)
    behind: list[Kept] = []
    for _ in range(TRIES):
        found = await listed(desk, asked, last)
        behind = _behind(desk, asked, found, last)
        for each in sorted([*found, *behind], key=lambda kept: -kept.version):
            came = await came_by(desk, asked, each.version, last)
            if came is None:
                continue
            if each in behind:
                break
            return _then(each, came)
        else:
            raise await _nothing(desk, asked, last, words)
        await trio.sleep(PAUSE_S)
    raise _lacking(asked, behind[0].version)


async def exactly(desk: Desk, asked: Asked, version: int) -> Then:
    """A version by its number. Raises Refused where it was never one, or is not kept."""
    head = desk.journal.head.seq
    for _ in range(TRIES):
        found = await listed(desk, asked, version, limit=1)
        came = await came_by(desk, asked, version, head)
        if found and found[0].version == version:
            return _then(found[0], came)
        if version not in [each.version for each in _behind(desk, asked, found, version)]:
            break
        await trio.sleep(PAUSE_S)
    else:
        raise _lacking(asked, version)
    if came is not None:
        raise await gone(desk, asked, f"version {version}")
    raise Refused(
        "not-found",
        f"{asked.connection} has no version {version} of {asked.stream}; "
        f"type: rounds data versions {asked.connection} {asked.stream}",
    )


async def before(desk: Desk, asked: Asked, then: Then) -> Then:
    """The version before that one; version 0 where it was the first. Raises Refused."""
    found = await listed(desk, asked, then.version - 1, limit=1)
    if found:
        came = await came_by(desk, asked, found[0].version, then.version)
        return _then(found[0], came)
    first = await first_of(desk, asked)
    if first is not None and first.changed.version < then.version:
        raise await gone(desk, asked, f"the version before {then.version}")
    return Then(provider=then.provider, version=0)


async def came_by(desk: Desk, asked: Asked, version: int, last: int) -> Brought | None:
    """How a version came into force, if it was by event `last`."""
    opened: Event | None = None
    after, limit = version - 1, FEW
    while True:
        page = desk.journal.log.read(after, subject=asked.subject, limit=limit)
        for recorded in page:
            if recorded.seq > last:
                return None
            if recorded.seq == version:
                opened = recorded.event
            changed = brought(recorded.event, asked.stream)
            if changed is not None and changed.version == version:
                return Brought(opened=opened, recorded=recorded, changed=changed)
        if len(page) < limit:
            return None
        after, limit = page[-1].seq, READ_EVENTS
        await trio.lowlevel.checkpoint()


def _lacking(asked: Asked, version: int) -> Refused:
    return Refused(
        "busy",
        f"version {version} of {asked.stream} is recorded, and the data store does not hold it: "
        "the disk was full, or the store is an older copy; the next sync makes up for it",
    )


async def gone(desk: Desk, asked: Asked, what: str) -> Refused:
    """What was there, and is not kept."""
    oldest = await desk.storage.ask(
        partial(
            versions.oldest, subject=asked.subject, stream=asked.stream, provider=asked.provider
        )
    )
    return Refused(
        "pruned",
        f"{what} of {asked.connection}'s {asked.stream} is not kept any more"
        f"{_pruned_in(desk, asked)}; the oldest that is: version {oldest}; "
        f"type: rounds data versions {asked.connection} {asked.stream}",
    )


def _pruned_in(desk: Desk, asked: Asked) -> str:
    """The event that says so, of a stream of the present provider."""
    known = desk.journal.world.connections[asked.subject]
    stream = known.streams.get(asked.stream, NEW)
    here = asked.provider in {None, desk.journal.world.providers[known.provider].name}
    return f" (event {stream.pruned_in})" if here and stream.pruned_in else ""


async def _moment(desk: Desk, when: str) -> tuple[int, str]:
    """The last event by then, and how to say when that was. Raises Refused."""
    then = await asof.moment(desk, when)
    number = re.fullmatch("[0-9]+", when)
    return then.seq, f"at event {then.seq}" if number else f"at {said(then.now)}"


async def listed(desk: Desk, asked: Asked, last: int, limit: int = NEAR) -> list[Kept]:
    """The newest versions up to `last` that are kept, the newest first."""
    found = await desk.storage.ask(
        partial(
            versions.listed,
            subject=asked.subject,
            stream=asked.stream,
            provider=asked.provider,
            last=min(last, NUMBER_MAX),
            limit=limit,
        )
    )
    pruned = {
        desk.vault.name(at): streams.get(asked.stream, NEW).pruned_before
        for at, streams in everywhere(desk, asked).items()
    }
    return [each for each in found if each.version >= pruned.get(each.provider, 0)]


def _behind(desk: Desk, asked: Asked, found: list[Kept], last: int) -> list[Kept]:
    """What is recorded, and not in the store, or not yet."""
    there = max((each.version for each in found), default=0)
    return [
        Kept(provider=desk.vault.name(at), version=stream.version, rows=0, digest="", current=True)
        for at, streams in everywhere(desk, asked).items()
        if there < (stream := streams.get(asked.stream, NEW)).version <= last
    ]


async def _nothing(desk: Desk, asked: Asked, last: int, words: str) -> Refused:
    """Why there is no version of then."""
    first = await first_of(desk, asked)
    if first is None and not any(asked.stream in each for each in everywhere(desk, asked).values()):
        return unknown(desk, asked)
    if first is None:
        return Refused(
            "not-found", f"{asked.connection} has no data in {asked.stream} yet; nothing was synced"
        )
    if first.recorded.seq <= last:
        return await gone(desk, asked, f"what was there {words}")
    came = first.recorded
    return Refused(
        "not-found",
        f"{asked.connection} had no data in {asked.stream} {words} yet; its first version, "
        f"{first.changed.version}, came with event {came.seq}, {said(came.at)}",
    )


async def first_of(desk: Desk, asked: Asked) -> Brought | None:
    """How the first version of all came into force, whether it is kept or not."""
    wanted = desk.vault.subject("provider", asked.provider) if asked.provider else None
    at, after = 0, 0
    while page := desk.journal.log.read(after, subject=asked.subject, limit=READ_EVENTS):
        for recorded in page:
            event = recorded.event
            if isinstance(event, ConnectionAdded | ConnectionRelinked):
                at = event.provider
            changed = brought(event, asked.stream)
            if changed is not None and wanted in (None, at):
                return Brought(opened=None, recorded=recorded, changed=changed)
        after = page[-1].seq
        await trio.lowlevel.checkpoint()
    return None


def _then(kept: Kept, came: Brought | None) -> Then:
    return Then(
        provider=kept.provider,
        version=kept.version,
        event=came.recorded.seq if came else None,
        at=came.recorded.at if came else None,
    )


def said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
