"""What answers questions about the past, in a process of its own?

    roundsd ─ question ─► nearest snapshot, then what followed ─ pieces of the World, End ─► roundsd

It is given the state directory and nothing else: no key, no name, no environment. It reads log and
snapshots, writes nothing, and ends with whoever asks. The World that it answered with stays, so
that the next question of a later moment begins there.
"""

import gc
import os
import queue
import signal
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeAlias

import msgspec
from msgspec import Struct

import events
import projections
from daemon import recall
from daemon.recall import Question, Unknown
from events import fingerprint
from events.codec import UnreadableEvent
from events.reading import LogUnusable, Reader
from events.snapshots import Snapshots
from projections import image
from projections.world import World

LENGTH = struct.Struct(">I")
FRAME_BYTES_MAX = 256 * 1024**2  # a piece has some hundred kilobytes
SNAPSHOTS = "snapshots"
"""Their directory, in that of the state."""


class Ask(Struct, frozen=True, kw_only=True):
    """A question, and whether the World is wanted, or the event's number alone."""

    question: Question
    world: bool = True


class Part(Struct, frozen=True, kw_only=True, tag="part"):
    kind: str
    first: int
    last: int
    body: bytes


class End(Struct, frozen=True, kw_only=True, tag="end"):
    """The World as of `seq` is whole; `seq` is 0 before the first event."""

    seq: int
    at: datetime | None = None


class Failure(Struct, frozen=True, kw_only=True, tag="failure"):
    """There is no answer; the sentence says why."""

    message: str


Said: TypeAlias = Part | End | Failure


def version() -> str:
    """What tells the code that folds here from any other."""
    return fingerprint.of_sources(
        Path(str(package.__file__)).parent for package in (events, projections)
    )


def frame(message: Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


class Worker:
    """Reads one log, and keeps the last World that somebody asked for."""

    def __init__(self, state: Path, snapshots: Snapshots) -> None:
        self._log = Reader(state / "log")
        self._snapshots = snapshots
        self._warm = World()

    def answer(self, ask: Ask) -> Iterator[Said]:
        question = ask.question
        seq = recall.resolved(self._log, question)
        if not seq or not ask.world:
            yield End(seq=seq)
            return
        world = self._state(seq, question.connection)
        for piece in image.pieces(world):
            yield Part(kind=piece.kind, first=piece.first, last=piece.last, body=piece.body)
        yield End(seq=seq, at=world.at)

    def _state(self, seq: int, connection: int | None) -> World:
        if connection is not None:
            return recall.all_at_once(recall.state(self._log, self._snapshots, seq, connection))
        warm, self._warm = self._warm, World()  # half folded, it is worth nothing
        nearest = next(iter(self._snapshots.numbers(seq)), 0)
        if nearest <= warm.seq <= seq:
            recall.all_at_once(recall.onwards(self._log, warm, seq))
        else:
            warm = recall.all_at_once(recall.state(self._log, self._snapshots, seq))
        self._warm = warm
        return warm

    def close(self) -> None:
        self._log.close()


def main() -> None:
    """Answer what comes in, one after the other, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # typed at the terminal, it is meant for roundsd
    gc.disable()  # what is made here holds no cycles
    state, wanted = Path(sys.argv[1]), sys.argv[2]
    asked: queue.SimpleQueue[Ask] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    out = sys.stdout.buffer
    for said in _answers(state, wanted, asked):
        out.write(frame(said))
        if not isinstance(said, Part):
            out.flush()


def _answers(state: Path, wanted: str, asked: "queue.SimpleQueue[Ask]") -> Iterator[Said]:
    if version() != wanted:
        asked.get()
        yield Failure(message="rounds was upgraded while it ran: restart roundsd, then ask again")
        return
    try:
        with closing(Worker(state, Snapshots(state / SNAPSHOTS, wanted))) as worker:
            while True:
                yield from worker.answer(asked.get())
    except (LogUnusable, UnreadableEvent, Unknown) as error:
        yield Failure(message=f"the log could not be read up to then: {error}")


def _listen(asks: BinaryIO, asked: "queue.SimpleQueue[Ask]") -> None:
    """Take in questions; when whoever asks is gone, so is the reason to go on."""
    decode = msgspec.msgpack.Decoder(Ask).decode
    try:
        while length := asks.read(LENGTH.size):
            asked.put(decode(asks.read(LENGTH.unpack(length)[0])))
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
