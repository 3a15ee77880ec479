"""How does a browser's redirect reach us on this host's loopback, and what does it show then?

Only the redirect URI's own path with this beginning's state counts (RFC 6749, section 10.12; RFC
8252, section 7.3). Whatever else comes gets a 404, and changes nothing.
"""

import errno
import html
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import SplitResult, urlsplit

from daemon.cli.ending import Ended, Exit

HEAD_BYTES_MAX = 16 * 1024  # of a request: a code has some thousand characters at most
VISIT_S = 10.0  # a browser on this host sends at once; one that connected ahead must come again
VISITS_MAX = 16  # at once; past that the oldest is hung up on
SEND_S = 5.0  # a page fits into any socket's buffer
DRAIN_BYTES = 256 * 1024  # more than browsers send of cookies
HOSTS = {"127.0.0.1": ["127.0.0.1"], "::1": ["::1"], "localhost": ["127.0.0.1", "::1"]}
"""Where to listen for each host of a redirect URI; a browser may take either for a name."""

ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}  # no IPv6 on this host

HEAD = (
    "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n"
    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "Connection: close\r\n\r\n"
)
PAGE = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>rounds</title>'
    '<meta name="color-scheme" content="light dark"></head>\n<body><h1>{title}</h1>\n'
    "<p>{text}</p></body></html>\n"
)

IsOurs: TypeAlias = Callable[[str], bool]
"""Says of a redirect's query whether it belongs to this beginning."""


class Visit:
    """One browser's connection, and what it has sent so far."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self.head = b""
        self.since = time.monotonic()

    def show(self, status: str, title: str, text: str) -> None:
        """Answer with a small page, and hang up. A browser that is gone is no matter."""
        page = PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
        try:
            self.wire.settimeout(SEND_S)
            self.wire.sendall(HEAD.format(status=status, length=len(page)).encode() + page)
            self.wire.setblocking(False)
            self.wire.recv(DRAIN_BYTES)  # what is left unread would take the page back
        except OSError:
            pass
        finally:
            self.wire.close()


class Loopback:
    """Listens where `redirect_uri` leads to; `wires` are what to wait for. Use it as a context."""

    def __init__(self, redirect_uri: str, port: int | None) -> None:
        """Listen at the redirect URI's port, or at `port` instead (0: any). Raises Ended."""
        parts = urlsplit(redirect_uri)
        wanted = port if port is not None else _port(parts)
        self._listeners = _listeners(parts, wanted)
        self._visits: list[Visit] = []
        self._path = parts.path or "/"
        self.port: int = self._listeners[0].getsockname()[1]
        host = "[::1]" if parts.hostname == "::1" else parts.hostname
        same = port is None or port == _port(parts)
        self.redirect_uri = redirect_uri if same else f"http://{host}:{self.port}{parts.path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for wire in self.wires:
            wire.close()

    @property
    def wires(self) -> list[socket.socket]:
        return [*self._listeners, *(visit.wire for visit in self._visits)]

    def take(self, wire: socket.socket, is_ours: IsOurs) -> tuple[Visit, str] | None:
        """Take what came on one of `wires`; the visit that counts, and its address, or None."""
        if wire in self._listeners:
            self._welcome(wire)
            return None
        visit = next((each for each in self._visits if each.wire is wire), None)
        if visit is None or not self._read(visit):
            return None
        self._visits.remove(visit)
        query = self._query(visit.head)
        if query is None or not is_ours(query):
            visit.show("404 Not Found", "Nothing is here", "You can close this window.")
            return None
        return visit, f"{self.redirect_uri}?{query}"

    def tidy(self) -> None:
        """Hang up on those who have not said what they want."""
        latest = time.monotonic() - VISIT_S
        for visit in [each for each in self._visits if each.since < latest]:
            self._hang_up(visit)

    def _welcome(self, listener: socket.socket) -> None:
        try:
            wire, _ = listener.accept()
        except OSError:  # it is gone already
            return
        wire.setblocking(False)
        self._visits.append(Visit(wire))
        if len(self._visits) > VISITS_MAX:
            self._hang_up(self._visits[0])

    def _read(self, visit: Visit) -> bool:
        """Whether its request is there as far as it matters."""
        try:
            some = visit.wire.recv(HEAD_BYTES_MAX)
        except BlockingIOError:
            return False
        except OSError:
            some = b""
        if not some:
            self._hang_up(visit)
            return False
        visit.head += some
        return b"\r\n\r\n" in visit.head or len(visit.head) >= HEAD_BYTES_MAX

    def _query(self, head: bytes) -> str | None:
        """The query of a whole GET of our path; None of anything else."""
        line, whole, _ = head.partition(b"\r\n")
        match line.split(b" "):
            case [b"GET", target, b"HTTP/1.1" | b"HTTP/1.0"] if whole and target.isascii():
                path, _, query = target.decode().partition("?")
                return query if path == self._path else None
        return None

    def _hang_up(self, visit: Visit) -> None:
        self._visits.remove(visit)
        visit.wire.close()


def is_loopback(redirect_uri: str) -> bool:
    """Whether a browser on this host would come back to this host itself."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in HOSTS


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or 80
    except ValueError:
        raise Ended(Exit.USAGE, "the redirect URI names a port that cannot be") from None


def _listeners(parts: SplitResult, port: int) -> list[socket.socket]:
    made: list[socket.socket] = []
    try:
        for host in HOSTS[parts.hostname or ""]:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                listener = socket.create_server((host, port), family=family, backlog=VISITS_MAX)
            except OSError as error:
                if made and error.errno in ABSENT:
                    continue
                raise _taken(host, port, error) from None
            listener.setblocking(False)
            made.append(listener)
            port = listener.getsockname()[1]
    except BaseException:
        for listener in made:
            listener.close()
        raise
    return made


def _taken(host: str, port: int, error: OSError) -> Ended:
    why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
    return Ended(
        Exit.FAILED,
        f"port {port} of {host} {why}; name another one with --port (the provider may want its "
        "redirect URI to be registered), or paste the address instead with --paste",
    )
