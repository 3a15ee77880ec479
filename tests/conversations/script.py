"""Does our side say what the conversation expects, and what does the provider answer?"""

import difflib
import json
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.conversations.conversation import Exchange
from tests.rest.provider import Asked, http

FORM = "application/x-www-form-urlencoded"


class Script:
    """The provider's side: each request must be the next one that is expected.

    All its hosts are one on loopback, where the first part of a path is the host. After a request
    that was not expected nothing is answered well any more.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.origin = ""
        self.complaint = ""
        self._left: deque[Exchange] = deque()
        self._texts = texts

    def expect(self, exchanges: Sequence[Exchange]) -> None:
        self._left.extend(exchanges)

    def unsaid(self) -> list[str]:
        """What was expected and never asked for."""
        return [exchange.request for exchange in self._left]

    def here(self, url: str) -> str:
        """Return where a provider's URL lies on loopback."""
        return url.replace("https://", f"{self.origin}/")

    def there(self, url: str) -> str:
        """Return a URL on loopback as the provider's own."""
        return url.replace(f"{self.origin}/", "https://")

    def answer(self, asked: Asked) -> bytes:
        if not self.complaint:
            self.complaint = self._complaint(asked)
        if self.complaint:
            return http(b"{}", 500, connection="close")
        exchange = self._left.popleft()
        headers = {"connection": "close", **exchange.answer_headers}
        fields = {name.lower().replace("-", "_"): each for name, each in headers.items()}
        return http(self.here(exchange.answer).encode(), exchange.status, **fields)

    def _complaint(self, asked: Asked) -> str:
        if not self._left:
            return f"nothing more was expected, but there came {_shown(self._seen(asked, None))}"
        expected = _expected(self._left[0], self._texts)
        return differing(expected, self._seen(asked, self._left[0]))

    def _seen(self, asked: Asked, expected: Exchange | None) -> dict[str, Any]:
        target = urlsplit(asked.target)
        seen: dict[str, Any] = {
            "request": f"{asked.method} https://{target.path.removeprefix('/')}",
            "query": _pairs(target.query),
        }
        if expected is None:
            return seen | {"headers": asked.headers, "body": asked.body.decode()}
        seen["headers"] = {name: asked.headers.get(name.lower()) for name in expected.headers}
        if asked.headers.get("content-type") == FORM:
            seen["form"] = _pairs(asked.body.decode())
        elif asked.body:
            seen["body"] = json.loads(asked.body)
        return seen


def parts(url: str) -> dict[str, Any]:
    """Return a URL without its query, and the query's pairs."""
    return {"url": url.partition("?")[0], "query": _pairs(url.partition("?")[2])}


def differing(expected: Any, found: Any) -> str:
    """Return what differs, line by line; nothing where nothing does."""
    if expected == found:
        return ""
    lines = difflib.unified_diff(
        _shown(expected).splitlines(), _shown(found).splitlines(), "expected", "found", n=5
    )
    return "\n".join(line.rstrip("\n") for line in lines)


def _expected(exchange: Exchange, texts: Mapping[str, str]) -> dict[str, Any]:
    expected: dict[str, Any] = {
        "request": exchange.request,
        "query": exchange.query,
        "headers": exchange.headers,
    }
    if exchange.form is not None:
        expected["form"] = exchange.form
    match exchange.body:
        case str():
            expected["body"] = json.loads(exchange.body)
        case dict():
            expected["body"] = _filled(exchange.body, texts)
    return expected


def _filled(value: Any, texts: Mapping[str, str]) -> Any:
    match value:
        case str():
            return texts[value[1:]] if value.startswith("$") else value
        case dict():
            return {name: _filled(each, texts) for name, each in value.items()}
        case _:
            return value


def _pairs(encoded: str) -> dict[str, Any]:
    """Return names and values; a name that comes twice has a list."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded)):
        found[name].append(value)
    return {name: each[0] if len(each) == 1 else each for name, each in found.items()}


def _shown(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
