"""How is the past worked out without holding up the loop? In a process, kept while it is used.

          asked             answered, IDLE_S without a question
  (none) ──────► (working) ◄───────────────► (warm) ──────► (none)
                   │ crashed, cancelled, too slow: killed, that one question fails ──► (none)

One question at a time; the others wait in line.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE

import msgspec
import trio

from daemon import own_process
from daemon.past import PastUnavailable
from daemon.past_worker import FRAME_BYTES_MAX, LENGTH, Ask, End, Failure, Part, Said, frame
from daemon.recall import Question
from projections import image
from projections.image import Piece
from projections.world import World

IDLE_S = 120.0  # who looks at the past looks again; then its memory is given back
WAITING_MAX = 16  # questions that wait in line
ANSWER_S = 600.0  # a hundred million events, without a snapshot
CHUNK_BYTES = 256 * 1024
BROKEN = "what was true then could not be worked out: its process ended; ask again"

_decode = msgspec.msgpack.Decoder(Said).decode


class PastProcess:
    """An engine of `daemon.past` whose work is done elsewhere."""

    def __init__(self, state: Path, version: str) -> None:
        self._arguments = (str(state.absolute()), version)
        self._process: trio.Process | None = None
        self._line = trio.Lock()
        self._waiting = 0
        self._used = trio.current_time()

    async def run(self) -> None:
        """Let the process go when nobody asks, and at the end."""
        try:
            while True:
                await trio.sleep(IDLE_S)
                if trio.current_time() - self._used >= IDLE_S and not self._line.locked():
                    async with self._line:
                        await self._end()
        finally:
            await self._end()

    async def seq_at(self, question: Question) -> int:
        """Raises PastUnavailable."""
        async with self._asked(Ask(question=question, world=False)) as stream:
            return (await self._end_of(stream, World())).seq

    async def state(self, question: Question) -> World:
        """Raises PastUnavailable."""
        world = World()
        async with self._asked(Ask(question=question)) as stream:
            end = await self._end_of(stream, world)
        assert world.seq == end.seq, "a World comes whole"
        return world

    @asynccontextmanager
    async def _asked(self, ask: Ask) -> AsyncIterator[trio.abc.ReceiveStream]:
        """Ask, when it is our turn; whatever keeps the answer from being read whole ends it."""
        if self._waiting >= WAITING_MAX:
            raise PastUnavailable("too many ask for what was true at once; try again")
        self._waiting += 1
        try:
            async with self._line:
                whole = False
                try:
                    with trio.fail_after(ANSWER_S):
                        stream = await self._send(ask)
                        yield stream
                    whole = True
                except trio.TooSlowError:
                    raise PastUnavailable(
                        f"it was not worked out within {ANSWER_S:g} s; ask for a later moment"
                    ) from None
                except (trio.BrokenResourceError, OSError, msgspec.DecodeError):
                    raise PastUnavailable(BROKEN) from None
                finally:
                    self._used = trio.current_time()
                    if not whole:
                        await self._end()
        finally:
            self._waiting -= 1

    async def _send(self, ask: Ask) -> trio.abc.ReceiveStream:
        process = self._process
        if process is None or process.returncode is not None:
            await self._end()
            process = self._process = await _open(*self._arguments)
        assert process.stdin is not None, "it was opened with a pipe"
        assert process.stdout is not None, "it was opened with a pipe"
        await process.stdin.send_all(frame(ask))
        return process.stdout

    async def _end_of(self, stream: trio.abc.ReceiveStream, world: World) -> End:
        """Put the answer together, a piece at a time, up to its end."""
        rest = bytearray()
        while chunk := await stream.receive_some(CHUNK_BYTES):
            rest += chunk
            while (said := _taken(rest)) is not None:
                match said:
                    case Part(kind=kind, first=first, last=last, body=body):
                        image.add(world, Piece(kind, first, last, body))
                        await trio.lowlevel.checkpoint()
                    case End():
                        return said
                    case Failure(message=message):
                        raise PastUnavailable(message)
        raise PastUnavailable(BROKEN)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    await stream.aclose()


async def _open(state: str, version: str) -> trio.Process:
    """Nothing is passed on but where the log lies."""
    return await trio.lowlevel.open_process(
        own_process.command("daemon.past_worker", state, version),
        stdin=PIPE,
        stdout=PIPE,
        env=own_process.environment(),
        cwd="/",
    )


def _taken(rest: bytearray) -> Said | None:
    """The first message that is there whole, taken from what was received."""
    if len(rest) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack_from(rest)
    if length > FRAME_BYTES_MAX:
        raise msgspec.DecodeError("no piece is that large")
    end = LENGTH.size + length
    if len(rest) < end:
        return None
    said: Said = _decode(bytes(rest[LENGTH.size : end]))
    del rest[:end]
    return said
