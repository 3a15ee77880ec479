"""Which records does a large JSON answer hold, read one at a time?

The list is cut out of the text by its brackets, and each of its entries, like the rest of the
document, is decoded by the decoder that reads small answers: so numbers and all else come out the
same. No library does that: ijson decodes numbers otherwise, and its parser in C ends the process
at an integer of some thousand digits.

    {"data": [ {…}, {…} ], "next": "…"}   ─►   {…}   {…}   and   {"data": [], "next": "…"}
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from daemon import json_answer
from daemon.json_answer import CHUNK_BYTES, NotJson, Recoded

PART_BYTES_MAX = 16 * 1024**2  # of one record, and of all that is no record: what is held at once
BATCH_RECORDS = 1000
BATCH_BYTES_MAX = 4 * 1024**2
DEPTH_MAX = 10_000  # deeper than any decoder goes

# Python up to 3.11.4 matches groups that are repeated without giving back (`*+`) wrongly, so none
# is here; bounds keep small what it remembers of the others.
STRING = rb'"(?:[^"\\]++|\\.){0,500}"'
FLAT = rb'[\[{](?:[^"\[\]{}]++|' + STRING + rb"){0,500}[\]}]"
NESTED = rb'[\[{](?:[^"\[\]{}]++|' + STRING + rb"|" + FLAT + rb"){0,500}[\]}]"
SEPARATOR = re.compile(rb'[^"\[\]{},:]*+(' + STRING + rb'|[\[\]{},:"]?)', re.DOTALL)
INSIDE = re.compile(
    rb'(?:[^"\[\]{}]++|' + STRING + rb"|" + NESTED + rb'){0,500}([\[\]{}"]?)', re.DOTALL
)
BETWEEN = re.compile(
    rb'(?:[^"\[\]{},]++|' + STRING + rb"|" + NESTED + rb'){0,500}([\[\]{},"]?)', re.DOTALL
)
"""The next token, after what is skipped: strings, and what is nested a little. Whether brackets
are of a kind need not be known here. A lone quotation mark begins a string that is long, or whose
end is still to come; nothing is the end, or there is more to skip."""


class TooLarge(Exception):
    """One record, or what is no record, is larger than PART_BYTES_MAX."""


class Reading:
    """One reading of a file. `rest` is the document without its records, once they were read."""

    def __init__(self, file: BinaryIO, keys: tuple[str, ...], content_type: str) -> None:
        self.rest: Any = None
        self._keys = keys
        self._text = _Text(json_answer.recoded(file, content_type))

    def batches(self) -> Iterator[list[Any]]:
        """Yield the entries of the list. Raises NotJson, TooLarge, also after some of them."""
        batch: list[Any] = []
        size = 0
        for entry in self.entries():
            batch.append(_decoded(entry))
            size += len(entry)
            if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES_MAX:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def entries(self) -> Iterator[bytes]:
        """Yield the text of each entry, looked at no closer than to find where it ends."""
        around, way = list[bytes](), _Way(self._keys)
        while way.ends_in(self._text):
            if around:
                raise NotJson  # its key comes twice: which one counts?
            around.append(self._text.taken() + b"]")  # which closes the list at once
            yield from _entries(self._text)
        self.rest = _decoded(b"".join([*around, self._text.taken()]))


class _Text:
    """The text from where the part begins that is being read. `at` is behind the last token."""

    def __init__(self, file: Recoded) -> None:
        self.text, self.at = b"", 0
        self._file = file
        self._begin = 0

    def token(self, pattern: "re.Pattern[bytes]") -> bytes:
        """Go on to the next token and return it, nothing at the end. Raises NotJson, TooLarge."""
        while True:
            found = pattern.match(self.text, self.at)
            assert found is not None, "each pattern matches nothing, too"
            token, self.at = found[1], found.end()
            if token == b'"':
                token = self._string() if pattern is SEPARATOR else self._string()[:0]
            if token:
                return token
            if self.at == len(self.text) and not self._more():
                return b""

    def _string(self) -> bytes:
        """Go on behind the string that has just begun, and return it."""
        start, looked = self.at - 1, self.at
        while True:
            end = self.text.find(b'"', looked)
            if end < 0:
                looked, before = len(self.text) - self._begin, start - self._begin
                if not self._more():
                    raise NotJson
                start = before
                continue
            run = end
            while self.text[run - 1 : run] == b"\\":
                run -= 1
            looked = end + 1
            if (end - run) % 2 == 0:
                self.at = looked
                return self.text[start:looked]

    def taken(self, but: int = 0) -> bytes:
        """Return the part up to the last token, without its last bytes; the next begins there."""
        part = self.text[self._begin : self.at - but]
        self._begin = self.at
        return part

    def _more(self) -> bool:
        """Read on, each time as much again as is kept, so that copying it stays cheap."""
        if len(self.text) - self._begin > PART_BYTES_MAX:
            raise TooLarge
        more = self._file.read(max(CHUNK_BYTES, len(self.text) - self._begin))
        self.text = self.text[self._begin :] + more
        self.at -= self._begin
        self._begin = 0
        return bool(more)


class _Way:
    """The way to the list: `depth` counts the open brackets, `_on` those of them that lead to it.

    `_hit` says that the key which leads on was just read. Nonsense may lead astray here: it is
    found when the rest is decoded.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._depth = self._on = 0
        self._hit = False

    def ends_in(self, text: _Text) -> bool:
        """Go on to the inside of the list, again after its end; False where there is none."""
        word = b""
        while token := text.token(SEPARATOR):
            match token:
                case b"[" if self._leads_on(len(self._keys)):
                    self._hit = False
                    return True
                case b"[" | b"{":
                    leads_on = any(map(self._leads_on, range(len(self._keys))))
                    self._depth += 1
                    if self._depth > DEPTH_MAX:
                        raise NotJson
                    if token == b"{" and leads_on:
                        self._on = self._depth
                    self._hit = False
                case b"]" | b"}":
                    self._depth -= 1
                    self._on = min(self._on, self._depth)
                    self._hit = False
                case b":":
                    self._hit = self._is_next(word)
                case b",":
                    self._hit = False
                case _:
                    word = token
        return False

    def _leads_on(self, depth: int) -> bool:
        """Say whether a value that begins now is the one at that depth of the way."""
        return self._depth == depth and self._on == depth and (self._hit or depth == 0)

    def _is_next(self, word: bytes) -> bool:
        on_way = self._on == self._depth and 0 < self._depth <= len(self._keys)
        return on_way and bool(_decoded(word) == self._keys[self._depth - 1])


def _entries(text: _Text) -> Iterator[bytes]:
    depth, first = 0, True
    while token := text.token(INSIDE if depth else BETWEEN):
        if token in (b"[", b"{"):
            depth += 1
            if depth > DEPTH_MAX:
                raise NotJson
        elif depth and token != b",":
            depth -= 1
        elif token == b"}":
            raise NotJson
        else:
            entry = text.taken(but=1)
            last = token == b"]"
            if entry and not entry.isspace():
                yield entry
            elif not (first and last):
                raise NotJson
            if last:
                return
            first = False
    raise NotJson


def _decoded(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        loss = NotJson()
    raise loss
