"""Which writes wait for their provider, and how do people move them?"""

import base64
from datetime import datetime

from msgspec.structs import replace

from daemon import commands
from daemon.control import whose
from daemon.control.act import done, execute
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.control.outbox_messages import (
    OutboxQuery,
    WriteAnswer,
    WriteName,
    Writes,
    WritesView,
    WriteView,
)
from daemon.decide import line
from daemon.store.outbox import PATH_SHOWN_MAX
from events.terms import Caller
from projections import outbox
from projections.outbox import Outbox, Phase, Write

LISTED_MAX = 10_000  # writes in one answer: who has more asks for a connection's
SENT_AGAIN = "sent again"
SENT_FIRST = "not sent before; it is sent"
AT_ONCE = " as soon as its connection may"
IN_LINE = " once those before it are over"
UNDER_WAY = "write {number} is under way: wait for what becomes of it"
NO_DOUBT = "write {number} is not in doubt: it has not reached the provider, and will be sent"


async def show_all(desk: Desk, query: OutboxQuery, by: Caller) -> Writes:
    world, now = desk.journal.world, desk.journal.clock.now()
    seq, only = world.seq, desk.find(query.connection)[0] if query.connection is not None else None
    found: list[tuple[int, WriteView]] = []
    waiting = [*world.outboxes.items()] if only is None else [(only, world.outboxes.get(only, ()))]
    async for subject, each in whose.unhurried(waiting):
        found += zip((write.row for write in each), _views(desk, subject, each, now), strict=True)
    found.sort(key=lambda listed: (listed[1].connection, listed[1].place))
    del found[LISTED_MAX:]
    paths = await desk.storage.letter_paths([row for row, _ in found])
    writes = [replace(view, path=paths.get(row)) for row, view in found]
    return Writes(seq=seq, now=now, writes=writes)


async def show(desk: Desk, name: WriteName, by: Caller) -> WriteAnswer:
    subject, write = _find(desk, name.write)
    now, seq = desk.journal.clock.now(), desk.journal.world.seq
    views = _views(desk, subject, desk.journal.world.outboxes[subject], now)
    view = next(each for each in views if each.write == write.number)
    letter = await desk.storage.letter(subject, write.row)
    if letter is None:
        return WriteAnswer(seq=seq, now=now, write=view, path=None)
    text, raw = _text(letter.body)
    return WriteAnswer(
        seq=seq,
        now=now,
        write=replace(view, path=letter.path[:PATH_SHOWN_MAX]),
        path=letter.path,
        headers=dict(letter.headers),
        body=text,
        body_base64=raw,
        key=letter.key,
    )


async def retry(desk: Desk, name: WriteName, by: Caller) -> Done:
    subject, write = _find(desk, name.write)
    wish = commands.RetryWrite(subject=subject, write=write.number, by=by)
    is_first = outbox.first(desk.journal.world.outboxes[subject]) == write
    sent = SENT_AGAIN if write.attempts else SENT_FIRST
    return await _move(desk, wish, write, sent + (AT_ONCE if is_first else IN_LINE))


async def delivered(desk: Desk, name: WriteName, by: Caller) -> Done:
    subject, write = _find(desk, name.write)
    if write.phase is Phase.QUEUED:
        raise Refused("invalid", NO_DOUBT.format(number=write.number))
    wish = commands.SettleWrite(subject=subject, write=write.number, by=by)
    return await _move(desk, wish, write, "settled: it counts as delivered")


async def drop(desk: Desk, name: WriteName, by: Caller) -> Done:
    subject, write = _find(desk, name.write)
    wish = commands.DropWrite(subject=subject, write=write.number, by=by)
    return await _move(desk, wish, write, "dropped: it is not sent any more")


def counted(waiting: Outbox) -> WritesView | None:
    """How many of a connection wait; None where none does."""
    if not waiting:
        return None
    return WritesView(waiting=len(waiting), in_doubt=outbox.doubtful(waiting))


async def counted_all(desk: Desk) -> WritesView | None:
    waiting = doubtful = 0
    async for each in whose.unhurried([*desk.journal.world.outboxes.values()]):
        waiting += len(each)
        doubtful += outbox.doubtful(each)
    return WritesView(waiting=waiting, in_doubt=doubtful) if waiting else None


async def _move(
    desk: Desk,
    wish: commands.RetryWrite | commands.SettleWrite | commands.DropWrite,
    write: Write,
    words: str,
) -> Done:
    recorded = await execute(desk, wish)
    if not recorded:
        _find(desk, write.number)  # it may have come to its end meanwhile
        raise Refused("running", UNDER_WAY.format(number=write.number))
    return done(desk, recorded, words)


def _find(desk: Desk, number: int) -> tuple[int, Write]:
    """Raise Refused (not-found)."""
    world = desk.journal.world
    subject = outbox.whose(world.outboxes, number)
    write = outbox.find(world.outboxes.get(subject, ()), number) if subject else None
    if subject is None or write is None:
        raise Refused(
            "not-found",
            f"no write {number} waits; `rounds outbox list` shows those that do, `rounds log show` "
            "what became of others",
        )
    return subject, write


def _views(desk: Desk, subject: int, waiting: Outbox, now: datetime) -> list[WriteView]:
    world, name = desk.journal.world, desk.vault.name(subject)
    return [
        WriteView(
            write=each.number,
            connection=name,
            endpoint=each.endpoint,
            method=each.method,
            phase=each.phase,
            keyed=each.keyed,
            bytes=each.bytes,
            queued_at=each.at,
            place=place,
            attempts=each.attempts,
            due=line.goes_at(subject, world, now) if place == 1 else None,
            held_by=line.held_by(subject, world, now) if place == 1 else "earlier",
            cause=each.cause,
            status=each.status,
        )
        for place, each in enumerate(waiting, 1)
    ]


def _text(body: bytes | None) -> tuple[str | None, str | None]:
    """As text, or else in base 64."""
    if body is None:
        return None, None
    try:
        return body.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(body).decode()
