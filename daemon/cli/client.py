"""How is the daemon asked, over its control socket?"""

import http.client
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from daemon import places
from daemon.cli.ending import Ended, Exit, refused
from daemon.control import asking
from daemon.control.asking import ANSWER_S, PAST_S, PATIENT_S
from daemon.control.messages import Problem, Status

__all__ = ["ANSWER_S", "PAST_S", "PATIENT_S", "Client", "Unheard", "reach", "read"]
T = TypeVar("T")
Again: TypeAlias = Callable[[int], dict[str, str | int | None]]


class Unheard(Ended):
    """The daemon was asked, and what came of it was not heard: it may have done it, or not."""


class Client:
    """Asks one daemon; every question has a connection of its own."""

    def __init__(self, path: Path, opened: socket.socket | None = None) -> None:
        """Ask at `path`, first over what is opened to it already."""
        self._path = path
        self._opened = opened

    def get(self, name: str, seconds: float = ANSWER_S, /, **query: str | int | None) -> bytes:
        """The answer, as JSON. Raises Ended."""
        past = name == "diff" or "at" in query
        return self._ask("GET", _target(name, query), None, PAST_S if past else seconds)

    def post(self, name: str, wish: Struct | dict[str, Any], seconds: float = ANSWER_S) -> bytes:
        """What the wish came to, as JSON. Raises Ended."""
        return self._ask("POST", _target(name, {}), msgspec.json.encode(wish), seconds)

    def now(self) -> datetime:
        """What the daemon's clock says: its times are relative to that one."""
        return read(self.get("status"), Status).now

    def follow(
        self, name: str, again: Again | None = None, **query: str | int | None
    ) -> Iterator[bytes]:
        """One JSON text an event, until the daemon goes away: then raises Ended (not running).

        It drops who takes nothing for a while, as a person who reads does. With `again`, what to
        ask to go on after the event of that number, it is asked anew, as long as more comes of it.
        """
        last = 0
        while True:
            before = last
            for number, item in self._told(name, query):
                last = max(last, number)
                yield item
            if again is None:
                raise self._gone()
            if last == before:
                raise self._broken_off()
            query |= again(last)

    def _told(self, name: str, query: dict[str, str | int | None]) -> Iterator[tuple[int, bytes]]:
        """What comes until it is broken off, each with its number. Raises Ended where refused."""
        connection, number = _Connection(self._socket, None), 0
        try:
            connection.request("GET", _target(name, query))
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise _problem(response.read())
            for line in response:
                if not line.endswith(b"\n"):
                    return  # broken off within it
                if line.startswith(b"id: "):
                    number = int(line[4:])
                elif line.startswith(b"data: "):
                    yield number, line[6:].rstrip(b"\n")
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def _broken_off(self) -> Ended:
        """Nothing comes of a question, though the daemon may be there. Raises Ended if not."""
        self.now()
        return Ended(Exit.FAILED, asking.BROKEN_OFF)

    def _ask(
        self, method: str, target: str, body: bytes | None, seconds: float = ANSWER_S
    ) -> bytes:
        connection = _Connection(self._socket, seconds)
        handed_over = False
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it answers before the end
                connection.request(method, target, body)
                handed_over = True
            response = connection.getresponse()
            answer = response.read()
        except TimeoutError:
            raise Unheard(Exit.TIMED_OUT, asking.late(seconds)) from None
        except (OSError, http.client.HTTPException):
            raise self._gone(Unheard if handed_over else Ended) from None
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise _problem(answer)
        return answer

    def _socket(self) -> socket.socket:
        opened, self._opened = self._opened, None
        return opened or _connected(self._path)

    def _gone(self, ended: type[Ended] = Ended) -> Ended:
        return ended(Exit.NOT_RUNNING, asking.gone(self._path))


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket. `seconds` bounds each wait; None waits for ever."""

    def __init__(self, connected: Callable[[], socket.socket], seconds: float | None) -> None:
        super().__init__("localhost")
        self._connected = connected
        self._seconds = seconds

    def connect(self) -> None:
        self.sock = self._connected()
        self.sock.settimeout(self._seconds)


def reach(named: Path | None) -> Client:
    """The daemon at that socket, or where one is found. Raises Ended."""
    candidates = [named] if named else places.sockets(os.environ)
    closed: Path | None = None
    for path in candidates:
        try:
            return Client(path, _connected(path))
        except PermissionError:
            closed = closed or path
        except OSError:
            continue
    if closed:
        raise Ended(Exit.NOT_ALLOWED, asking.closed(closed))
    named_it = ", or name its socket with --socket"
    raise Ended(Exit.NOT_RUNNING, asking.absent(candidates) + named_it)


def read(answer: bytes, type_: type[T]) -> T:
    """An answer as its type. Raises Ended where a daemon of another version wrote it."""
    try:
        return msgspec.json.decode(answer, type=type_)
    except msgspec.DecodeError as error:
        raise Ended(Exit.FAILED, asking.misread(error)) from None


def _target(name: str, query: dict[str, str | int | None]) -> str:
    given = {key: value for key, value in query.items() if value is not None}
    return f"/v1/{name}" + (f"?{urlencode(given)}" if given else "")


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(ANSWER_S)
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _problem(answer: bytes) -> Ended:
    try:
        return refused(msgspec.json.decode(answer, type=Problem))
    except msgspec.DecodeError:
        return Ended(Exit.FAILED, asking.OTHER_VERSION)
