"""What do all questions share: which daemon is asked, as of when, for how long, in which words?"""

import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar
from urllib.parse import urlencode

import anyio
import msgspec
from msgspec import NODEFAULT, Struct

from daemon import places
from daemon.client import wire
from daemon.client.failures import Failed, NotRunning, NotUnderstood, Refused, TimedOut
from daemon.client.wire import OK, Answer
from daemon.control import asking
from daemon.control.messages import Problem

Moment: TypeAlias = int | datetime
"""An event's number: after that one. Or a time, which knows its offset: as it was at that time."""

CALLS_MAX = 16  # at once; a further one waits. The daemon has places for 64 connections in all
ANSWER_BYTES_MAX = 256 * 1024 * 1024  # what is said of a hundred thousand connections has half
T = TypeVar("T", bound=Struct)
R = TypeVar("R")


class Asker:
    """Asks the daemon at `socket`, or where the command `rounds` would find one.

    An answer is waited for `answer_s`, longer where the question itself says so or looks back. A
    stream that can go on where it was looks for a daemon that went away for `patience_s`.
    """

    def __init__(
        self,
        socket: str | os.PathLike[str] | None = None,
        *,
        answer_s: float = asking.ANSWER_S,
        patience_s: float = asking.PATIENCE_S,
    ) -> None:
        self.patience_s = patience_s
        self._named = None if socket is None else Path(socket)
        self._answer_s = answer_s
        self._path: Path | None = None
        self._places = anyio.CapacityLimiter(CALLS_MAX)
        self._open: set[Answer] = set()

    async def __aenter__(self) -> Self:
        """Find the daemon. Raises NotRunning, Refused."""
        self._path = await _found([self._named] if self._named else places.sockets(os.environ))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all that is open, streams too."""
        self._path = None
        while self._open:
            await self._open.pop().aclose()

    async def begin(self, name: str, query: Struct) -> Answer:
        """Begin to follow something; whoever asked lets it go with `end`. Raises Failed."""
        if len(self._open) >= asking.FOLLOWED_MAX:
            raise Failed(
                f"{asking.FOLLOWED_MAX} streams are followed already, and there may be no more; "
                "close one (`async with rounds.tail() as events`)"
            )
        path, target = self._reached(), _target(name, _plain(query))

        async def begun() -> Answer:
            answer = await wire.ask(path, "GET", target)
            if answer.status != OK:
                raise _problem(await _whole(answer))
            self._open.add(answer)
            return answer

        return await _within(self._answer_s, begun)

    async def end(self, answer: Answer) -> None:
        self._open.discard(answer)
        await answer.aclose()

    async def _get(
        self,
        name: str,
        query: Struct,
        gives: type[T],
        *,
        at: Moment | None = None,
        seconds: float = 0,
    ) -> T:
        """Look something up, as of then; `seconds` is what it may need beyond the usual."""
        then = {} if at is None else {"at": _moment(at)}
        seconds += self._answer_s if at is None else asking.PAST_S
        return read(
            await self._ask("GET", _target(name, _plain(query) | then), b"", seconds), gives
        )

    async def _post(self, name: str, wish: Struct, gives: type[T], *, seconds: float = 0) -> T:
        """Have something done; `seconds` is what it may need beyond the usual."""
        body = msgspec.json.encode(_said(wish))
        return read(
            await self._ask("POST", _target(name, {}), body, self._answer_s + seconds), gives
        )

    async def _ask(self, method: str, target: str, body: bytes, seconds: float) -> bytes:
        path = self._reached()

        async def asked() -> bytes:
            async with self._places:
                answer = await wire.ask(path, method, target, body)
                taken = await _whole(answer)
            if answer.status != OK:
                raise _problem(taken)
            return taken

        return await _within(seconds, asked)

    def _reached(self) -> Path:
        if self._path is None:
            raise Failed("nothing is open: ask within `async with Rounds() as rounds:`")
        return self._path


def read(answer: bytes, gives: type[T]) -> T:
    """An answer as its type; fields that a later version added are left out. Raises Failed."""
    try:
        return msgspec.json.decode(answer, type=gives)
    except msgspec.DecodeError as error:
        raise NotUnderstood(asking.misread(error)) from None


async def _within(seconds: float, call: Callable[[], Awaitable[R]]) -> R:
    """Wait no longer than that; a deadline of who waits for this is another. Raises Failed."""
    with anyio.move_on_after(seconds):
        return await call()
    raise TimedOut(asking.late(seconds))


async def _whole(answer: Answer) -> bytes:
    body = bytearray()
    try:
        while piece := await answer.piece():
            body += piece
            if len(body) > ANSWER_BYTES_MAX:
                raise NotUnderstood(
                    f"the answer has more than {ANSWER_BYTES_MAX:,} bytes; ask for less of it"
                )
    finally:
        await answer.aclose()
    return bytes(body)


async def _found(candidates: Sequence[Path]) -> Path:
    """The first socket at which somebody listens. Raises NotRunning, Refused."""
    closed: Refused | None = None
    for path in candidates:
        try:
            stream = await _within(asking.ANSWER_S, partial(wire.connect, path))
        except Refused as refused:
            closed = closed or refused
        except (NotRunning, TimedOut):
            continue
        else:
            await anyio.aclose_forcefully(stream)
            return path
    raise closed or NotRunning(asking.absent(candidates))


def _problem(answer: bytes) -> Failed:
    try:
        problem = msgspec.json.decode(answer, type=Problem)
    except msgspec.DecodeError:
        return NotUnderstood(asking.OTHER_VERSION)
    return Refused.by(problem)


def _target(name: str, query: dict[str, str]) -> str:
    return f"/v1/{name}" + (f"?{urlencode(query)}" if query else "")


def _said(wish: Struct) -> dict[str, Any]:
    """What differs from the defaults: so an older daemon knows it, but for what is really new."""
    said = {}
    for field in msgspec.structs.fields(wish):
        value = getattr(wish, field.name)
        default = field.default
        if field.default_factory is not NODEFAULT:
            default = field.default_factory()
        if default is NODEFAULT or value != default:
            said[field.encode_name] = value
    return said


def _plain(query: Struct) -> dict[str, str]:
    """The same as texts, for a query."""
    said = msgspec.to_builtins(_said(query))
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in said.items()
    }


def _moment(at: Moment) -> str:
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError(f"{at.isoformat()} has no offset; which zone's time is meant?")
        return at.isoformat()
    return str(at)
