"""How do the made-up providers answer? A process of its own, on a loopback port of its own.

`depot` has parts and orders of two tenants and wants a key; `weather` and `stock` are open to
all; `pulse` wants a person's consent. All have moods, which a POST changes: /moods/depot with the
mood as body. Time passes with a POST to /business/garage, or to /business/stock.
"""

import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from daemon.demo import shelves
from daemon.demo.answer import CSV, HTML, Answer, Asked, good, problem
from daemon.demo.moods import KNOWN, Moods
from daemon.demo.opening import TENANTS, Mood, Opening
from daemon.demo.pulse import Pulse

PAGE = 20
BODY_BYTES_MAX = 4096

PAGE_OF_HTML = b"<!doctype html><title>Depot</title><h1>Back soon!</h1>"


class Town:
    """All providers: what they have, who may see it, and their moods. Threads share it."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self._owners = {key: tenant for tenant, key in opening.keys.items()}
        self._shelves = shelves.stocked()
        self._encoding = shelves.OLD_ENCODING
        self._moods = Moods()
        self._pulse = Pulse(opening.client_secret, self._moods)
        self._lock = Lock()

    def answer(self, asked: Asked) -> Answer:
        match asked.method, *asked.path:
            case "POST", "moods" | "business", _:
                return self._told(asked)
            case _, "pulse", *_:
                return self._pulse.answer(asked)
            case "GET", provider, stream:
                return self._stream(provider, stream, asked)
            case _:
                return problem(404, "there is nothing here")

    def _told(self, asked: Asked) -> Answer:
        match asked.path:
            case "moods", provider if asked.body in KNOWN.get(provider, ()):
                self._moods.change(provider, Mood(asked.body))
            case "business", "stock":
                self._encoding = shelves.NEW_ENCODING
            case "business", tenant if tenant in self._shelves:
                with self._lock:
                    shelves.business(self._shelves[tenant])
            case _:
                known = "; ".join(f"{name}: {', '.join(moods)}" for name, moods in KNOWN.items())
                return problem(404, f"POST to /moods/ and a provider one of its moods ({known})")
        return good({"done": True})

    def _stream(self, provider: str, stream: str, asked: Asked) -> Answer:
        begins = provider == "depot" and "page" not in asked.query
        mood = self._moods.of(provider) if begins else self._moods.past(provider, Mood.SLOW)
        if mood is Mood.OUTAGE:
            return problem(503, "the depot burns")
        if mood is Mood.HTML:
            return Answer(status=200, body=PAGE_OF_HTML, content_type=HTML)
        empty = mood is Mood.EMPTY
        match provider, stream:
            case "weather", "days":
                return good({"days": [] if empty else shelves.weather()})
            case "stock", "articles.csv":
                report = shelves.report(empty=empty).encode(self._encoding)
                return Answer(status=200, body=report, content_type=CSV)
            case "depot", "parts" | "orders":
                return self._depot(stream, asked, empty=empty)
            case _:
                return problem(404, "there is nothing here")

    def _depot(self, stream: str, asked: Asked, *, empty: bool) -> Answer:
        owner = self._owners.get(asked.key)
        if owner is None:
            return problem(401, "unknown key")
        with self._lock:
            shelf = self._shelves[owner]
            rows = list(shelf.parts if stream == "parts" else shelf.orders)
        if stream == "orders":
            newer = int(asked.query.get("after", "0"))
            rows = [row for row in rows if row["number"] > newer]
        return self._page(stream, [] if empty else rows, asked.query)

    def _page(self, stream: str, rows: list[shelves.Record], query: Mapping[str, str]) -> Answer:
        number = int(query.get("page", "1"))
        page = rows[(number - 1) * PAGE : number * PAGE]
        more = len(rows) > number * PAGE
        following = f"{self.opening.url}/depot/{stream}?page={number + 1}" if more else None
        return good({"items": page, "next": following})


def main() -> None:
    """Serve until ended. The first line of the output is an `Opening`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    opening = Opening(
        url=f"http://127.0.0.1:{server.server_address[1]}",
        keys={tenant: f"{tenant}-{secrets.token_hex(16)}" for tenant in TENANTS},
        client_secret=f"pulse-{secrets.token_hex(16)}",
    )
    server.RequestHandlerClass = _handler(Town(opening))
    sys.stdout.buffer.write(msgspec.json.encode(opening) + b"\n")
    sys.stdout.flush()
    server.serve_forever()


def _handler(town: Town) -> type[BaseHTTPRequestHandler]:
    class Window(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # an answer goes out as head and body, and waits for neither

        def handle(self) -> None:
            with suppress(ConnectionError):  # whoever asked was killed meanwhile
                super().handle()

        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            size = min(int(self.headers.get("content-length", "0")), BODY_BYTES_MAX)
            self._answer(self.rfile.read(size).decode("ascii", "replace"))

        def log_message(self, *_: Any, **__: Any) -> None:
            """Keep quiet: the story is told elsewhere."""

        def _answer(self, body: str) -> None:
            parts = urlsplit(self.path)
            asked = Asked(
                method=self.command,
                path=tuple(parts.path.strip("/").split("/")),
                query=dict(parse_qsl(parts.query)),
                body=body,
                key=self.headers.get("x-api-key", ""),
                authorization=self.headers.get("authorization", ""),
            )
            self._send(town.answer(asked))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(answer.body)))
            if answer.location:
                self.send_header("location", answer.location)
            self.end_headers()
            self.wfile.write(answer.body)

    return Window


if __name__ == "__main__":
    main()
