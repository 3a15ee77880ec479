"""Which values in a text stand under a name that says that they are secret?

"access_token": "…"    token=…&    Set-Cookie: …    <secret>…</secret>    name="csrf" value="…"
("Cookie", "…")    <td>cookie</td><td>…</td>    {"name": "token", "value": "…"}
"""

import re
from collections.abc import Iterator
from typing import Protocol

NAMES = re.compile(
    r"(?i)(?:token|secret|passw|passphrase|pwd|auth|cookie|session|credential|signature|jwt|bearer"
    r"|csrf|xsrf|assertion|verifier"
    r"|(?:api|app|access|private|client|consumer|subscription|x)[ _.-]?key)[\w.-]{0,64}"
    r"|\b(?:sig|key)(?==)"
)
BEFORE_MAX = 64  # characters of a name before what makes it secret
SAYS = re.compile(r"(?P<close>[\"'\]\s\\]{0,16})(?P<sign>[:=]>?)\s{0,16}")
VALUE = re.compile(r"(?i)[^<>]{0,256}?\b(?:value|content)[\"']?\s{0,8}[:=]\s{0,8}")
PAIR = re.compile(r"[\"']\s{0,8},\s{0,8}(?=[\"'])")
CELL = re.compile(r"\s{0,16}</t[dh]>\s{0,16}<t[dh][^<>]{0,256}>(?:\s{0,16}<pre>)?")
TAG = re.compile(r"[^<>]{0,256}>")
BRACKETS = ("{", "[")
QUOTES = "\"'`"
WORD_END = re.compile(r"[\s&;,<>\"'`)\]}]|$")
JSON_END = re.compile(r"[\s,}\]]|$")
LINE_END = re.compile(r"[\r\n<]|$")
TAG_END = re.compile(r"<|$")


class Spelt(Protocol):
    """Which characters a text means, and where each of them is written."""

    @property
    def raw(self) -> str: ...
    @property
    def plain(self) -> str: ...
    @property
    def spans(self) -> list[tuple[int, int]]: ...


def values(text: Spelt) -> Iterator[tuple[int, int]]:
    """Where such values begin and end; what does not end goes on to the end of the text."""
    plain, nested = text.plain, 0
    for name in NAMES.finditer(plain):
        if name.end() < nested:
            continue  # it lies in what is hidden as a whole
        if says := SAYS.match(plain, name.end()):
            end = _end(text, says)
            nested = end if plain[says.end() : says.end() + 1] in BRACKETS else nested
            yield says.end(), end
        else:
            yield from _beside(text, name)


def _beside(text: Spelt, name: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Where no sign follows the name: in its tag or the next cell, or as the other of a pair."""
    plain, at = text.plain, name.end()
    if _begins_tag(plain, name.start()) and (tag := TAG.match(plain, at)):
        yield tag.end(), _until(TAG_END, plain, tag.end())
    if cell := CELL.match(plain, at):
        yield cell.end(), _until(TAG_END, plain, cell.end())
    if value := VALUE.match(plain, at) or PAIR.match(plain, at):
        yield value.end(), _end_of_quoted(text, value.end(), WORD_END)


def _end(text: Spelt, says: re.Match[str]) -> int:
    at, quoted = says.end(), bool(says["close"].strip())
    if text.plain[at : at + 1] in BRACKETS:
        return _end_of_nested(text, at)
    if says["sign"].startswith("="):
        return _end_of_quoted(text, at, WORD_END)
    return _end_of_quoted(text, at, JSON_END if quoted else LINE_END)


def _end_of_quoted(text: Spelt, at: int, bare: re.Pattern[str]) -> int:
    """Past the quote that is written like the one that opens it: others are part of the value."""
    plain = text.plain
    if at >= len(plain) or plain[at] not in QUOTES:
        return _until(bare, plain, at)
    opening = _written(text, at)
    rest = range(at + 1, len(plain))
    return next((each + 1 for each in rest if _written(text, each) == opening), len(plain))


def _end_of_nested(text: Spelt, at: int) -> int:
    """Past the bracket that closes the one there; those inside of strings count for nothing."""
    depth, quote = 0, ""
    for each in range(at, len(text.plain)):
        written, meant = _written(text, each), text.plain[each]
        if quote:
            quote = "" if written == quote else quote
        elif meant == '"':
            quote = written
        else:
            depth += (meant in "{[") - (meant in "}]")
            if not depth:
                return each + 1
    return len(text.plain)


def _written(text: Spelt, at: int) -> str:
    first, last = text.spans[at]
    return text.raw[first:last]


def _until(end: re.Pattern[str], plain: str, at: int) -> int:
    found = end.search(plain, at)
    assert found is not None, "every text ends"
    return found.start()


def _begins_tag(plain: str, at: int) -> bool:
    before = plain[max(0, at - BEFORE_MAX) : at]
    return re.search(r"<[\w:.-]*\Z", before) is not None
