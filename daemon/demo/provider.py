"""How do the made-up providers answer? A process of its own, on a loopback port of its own.

`depot` has parts and orders of two tenants and wants a key; `weather` is open to all. Both have
moods, which a POST changes: /moods/depot with the mood as body, /business/garage without one.
"""

import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Struct

from daemon.demo import shelves
from daemon.demo.opening import TENANTS, Mood, Opening

PAGE = 20
SLOW_S = 60.0  # nobody is kept waiting for longer, whatever the mood
BODY_BYTES_MAX = 1024

JSON, HTML = "application/json", "text/html; charset=utf-8"
PAGE_OF_HTML = b"<!doctype html><title>Depot</title><h1>Back soon!</h1>"


class Answer(Struct, frozen=True):
    status: int
    body: bytes
    content_type: str = JSON


class Town:
    """Both providers: what they have, who may see it, and their moods. Threads share it."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self._owners = {key: tenant for tenant, key in opening.keys.items()}
        self._shelves = shelves.stocked()
        self._moods = {"depot": Mood.FINE, "weather": Mood.FINE}
        self._changed = Condition()

    def get(self, path: str, query: Mapping[str, str], key: str) -> Answer:
        provider, _, stream = path.strip("/").partition("/")
        begins = provider == "depot" and "page" not in query
        mood = self._mood(provider) if begins else self._mood_but_slow(provider)
        if mood is Mood.OUTAGE:
            return Answer(503, b'{"error": "the depot burns"}')
        if mood is Mood.HTML:
            return Answer(200, PAGE_OF_HTML, HTML)
        if provider == "weather" and stream == "days":
            days = [] if mood is Mood.EMPTY else shelves.weather()
            return _json({"days": days})
        if provider != "depot" or stream not in {"parts", "orders"}:
            return _problem(404, "there is nothing here")
        owner = self._owners.get(key)
        if owner is None:
            return _problem(401, "unknown key")
        with self._changed:
            shelf = self._shelves[owner]
            rows = list(shelf.parts if stream == "parts" else shelf.orders)
        if stream == "orders":
            newer = int(query.get("after", "0"))
            rows = [row for row in rows if row["number"] > newer]
        return self._page(path, [] if mood is Mood.EMPTY else rows, query)

    def post(self, path: str, body: str) -> Answer:
        match path.strip("/").split("/"):
            case ["moods", provider] if provider in self._moods and body in set(Mood):
                with self._changed:
                    self._moods[provider] = Mood(body)
                    self._changed.notify_all()
            case ["business", tenant] if tenant in self._shelves:
                with self._changed:
                    shelves.business(self._shelves[tenant])
            case _:
                moods = ", ".join(Mood)
                return _problem(404, f"POST one of {moods} to /moods/depot or /moods/weather")
        return _json({"done": True})

    def _mood(self, provider: str) -> Mood:
        return self._moods.get(provider, Mood.FINE)

    def _mood_but_slow(self, provider: str) -> Mood:
        """The mood, once it is another one than slow."""
        with self._changed:
            self._changed.wait_for(lambda: self._mood(provider) is not Mood.SLOW, SLOW_S)
            return self._mood(provider)

    def _page(self, path: str, rows: list[shelves.Record], query: Mapping[str, str]) -> Answer:
        number = int(query.get("page", "1"))
        page = rows[(number - 1) * PAGE : number * PAGE]
        more = len(rows) > number * PAGE
        following = f"{self.opening.url}{path}?page={number + 1}" if more else None
        return _json({"items": page, "next": following})


def main() -> None:
    """Serve until ended. The first line of the output is an `Opening`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    opening = Opening(
        url=f"http://127.0.0.1:{server.server_address[1]}",
        keys={tenant: f"{tenant}-{secrets.token_hex(16)}" for tenant in TENANTS},
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
            parts = urlsplit(self.path)
            key = self.headers.get("x-api-key", "")
            self._send(town.get(parts.path, dict(parse_qsl(parts.query)), key))

        def do_POST(self) -> None:
            size = min(int(self.headers.get("content-length", "0")), BODY_BYTES_MAX)
            self._send(town.post(self.path, self.rfile.read(size).decode("ascii", "replace")))

        def log_message(self, *_: Any, **__: Any) -> None:
            """Keep quiet: the story is told elsewhere."""

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    return Window


def _json(document: Any) -> Answer:
    return Answer(200, msgspec.json.encode(document) + b"\n")


def _problem(status: int, message: str) -> Answer:
    return Answer(status, msgspec.json.encode({"error": message}) + b"\n")


if __name__ == "__main__":
    main()
