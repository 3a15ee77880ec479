"""What of an answer's words may be kept: with nobody's secret in them, whole or in part?

    bytes ─► text ─► characters, whatever they are escaped as ─► marked ─► what is left of them

It is looked at beyond where it is cut, so that what is cut there in the middle is still known.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from daemon import secret_names
from daemon.secret import Secret

SHOWN_CHARS = 2048  # a page that says what is wrong says it by then
BEYOND_CHARS = 512  # longer than what is known by its form: an address, the head of a token
FRAGMENT = 6  # characters in a row that give a credential away: of less, nothing is learnt
WHOLE_MIN = 4  # a credential of less stands in every text
REDACTED = "[redacted]"
SCHEMES = frozenset({"apikey", "basic", "bearer", "digest", "key", "token"})
PLAIN = str.maketrans({chr(each): chr(each + 32) for each in range(ord("A"), ord("Z") + 1)})
ESCAPES = frozenset("\\%&")  # without one, a text means what it says
ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
SHOWN = frozenset("\n\t")  # what is no printable character, and does a terminal no harm

UNIT = re.compile(
    r"""
    \\{1,4}(?:
        u(?P<wide>[0-9a-fA-F]{4}) | u\{0{0,4}(?P<braced>(?:10|[0-9a-fA-F])?[0-9a-fA-F]{1,4})\}
        | x(?P<byte>[0-9a-fA-F]{2}) | (?P<one>[^\\])
    )
    | %(?:25)*(?: (?P<percent>[0-9a-fA-F]{2}) | [uU](?P<wide_percent>[0-9a-fA-F]{4}) )
    | (?P<entity>&(?:
        (?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6});?
        | (?:quot|apos|amp|lt|gt|commat|colon|equals);
    ))
    | (?P<plain>[^\\%&]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
"""One character, as JSON, URLs, HTML and programs write it, also escaped twice; or plain ones."""

KNOWN = (
    re.compile(r"eyJ[\w-]{4,}(?:\.[\w-]*){0,4}"),  # a JSON Web Token
    re.compile(r"(?i)\b(?:bearer|basic|digest|negotiate)\s{1,8}(?P<it>[\w.~+/=-]{8,})"),
    re.compile(r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*[0-9])[\w-]{20,}"),  # by chance?
    re.compile(r"[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"),  # an e-mail address
    re.compile(r"[0-9]{7,}"),
    re.compile(  # a telephone's number, a card's; a date is none
        r"(?<![0-9])(?![0-9]{4}-[0-9]{2}-[0-9]{2})\+?[0-9](?:[ ().-]{0,2}[0-9]){8,}"
    ),
)
"""What is somebody's wherever it stands."""


class Text(NamedTuple):
    """What was written (`raw`), and which characters that means, each where it begins and ends."""

    raw: str
    plain: str
    spans: list[tuple[int, int]]


def redacted(head: bytes, secrets: Iterable[Secret], *, more: bool) -> tuple[str, bool]:
    """The first SHOWN_CHARS of an answer that begins so, and whether that is not all of it.

    `more` says that it goes on. What the secrets say is not in it, however it is spelt, nor any
    FRAGMENT of it, nor what looks like a secret, an e-mail address or a number of somebody's. What
    would move a terminal's cursor is escaped.
    """
    whole = head.decode("utf-8", "backslashreplace").replace("\0", "")  # UTF-16 is full of them
    text = _read(whole[: SHOWN_CHARS + BEYOND_CHARS])
    more = more or len(whole) > len(text.raw)
    end = min(SHOWN_CHARS, len(text.raw) - BEYOND_CHARS if more else len(text.raw))
    hidden = bytearray(len(text.raw))
    _hide_secrets(text, {each.reveal() for each in secrets}, hidden)
    for first, last in (*_looking_secret(text), *secret_names.values(text)):
        _hide(text, first, last, hidden)
    return _rendered(text.raw[: max(0, end)], hidden), more or end < len(text.raw)


def _read(raw: str) -> Text:
    plain: list[str] = []
    spans: list[tuple[int, int]] = []
    for unit in UNIT.finditer(raw):
        first, last = unit.span()
        if unit.lastgroup == "plain":
            plain.append(unit[0])
            spans += [(each, each + 1) for each in range(first, last)]
        elif (meant := _meant(unit)) != "\0":  # UTF-16, escaped
            plain.append(meant)
            spans.append((first, last))
    return Text(raw, "".join(plain), spans)


def _meant(unit: re.Match[str]) -> str:
    """The one character that it stands for."""
    if unit.lastgroup == "one":
        return ESCAPED.get(unit["one"], unit["one"])
    if unit.lastgroup == "entity":
        return html.unescape(unit[0])[:1] or "&"  # none: a number of no character
    return chr(int(unit[str(unit.lastgroup)], 16))


# -- our own --------------------------------------------------------------------------------------


def _hide_secrets(text: Text, secrets: Iterable[str], hidden: bytearray) -> None:
    """As they are written, and as they are meant: a secret may look as if it were escaped itself.

    All are looked for at once: a text has as many windows however many they are.
    """
    said = {part for each in secrets for part in _parts(each)}
    fragments = frozenset[str]().union(*map(_fragments, said))
    for first, last in _standing(text.raw.translate(PLAIN), fragments):
        hidden[first:last] = b"\1" * (last - first)
    if text.plain != text.raw:
        for first, last in _standing(text.plain.translate(PLAIN), fragments):
            _hide(text, first, last, hidden)


def _standing(text: str, fragments: frozenset[str]) -> Iterator[tuple[int, int]]:
    for length in range(WHOLE_MIN, FRAGMENT + 1):
        windows = [text[at : at + length] for at in range(len(text) - length + 1)]
        if not fragments.isdisjoint(windows):
            yield from ((at, at + length) for at, each in enumerate(windows) if each in fragments)


@lru_cache(maxsize=16)  # failures of one connection follow each other; each is some 100 KiB
def _fragments(secret: str) -> frozenset[str]:
    """By what it is known again, in lower case."""
    spelt = {*_spelt(secret)}
    spelt |= {_read(each).plain for each in spelt if not ESCAPES.isdisjoint(each)}
    return frozenset(
        form[at : at + FRAGMENT]
        for form in (each.translate(PLAIN) for each in spelt if len(each) >= WHOLE_MIN)
        for at in range(max(1, len(form) - FRAGMENT + 1))
    )


def _parts(value: str) -> Iterator[str]:
    """What comes after a header's scheme; of Basic what it says, and the password of that."""
    scheme, _, rest = value.partition(" ")
    secret = rest if rest and scheme.lower() in SCHEMES else value
    yield secret
    if scheme.lower() == "basic":
        try:
            said = base64.b64decode(secret).decode("utf-8", "replace")
        except ValueError:
            return
        yield said
        yield said.partition(":")[2]


def _spelt(secret: str) -> Iterator[str]:
    """As it is, byte by byte, escaped, in hex, and in base 64 wherever it stands.

    What was escaped is mostly known by what it means; but a secret may look escaped itself.
    """
    raw = secret.encode("utf-8", "surrogatepass")
    yield from (secret, raw.decode("latin-1"), raw.hex(), html.escape(secret), repr(secret)[1:-1])
    for escape in (_in_form, _in_url, _in_json):
        once = escape(secret)
        yield from (once, escape(once))
    for offset in range(3):  # what stands before it shifts it
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(offset) + raw).decode()
            yield whole[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


def _in_form(text: str) -> str:
    return quote_plus(text, errors="surrogatepass")


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _in_url(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


# -- anybody's ------------------------------------------------------------------------------------


def _looking_secret(text: Text) -> Iterator[tuple[int, int]]:
    for known in KNOWN:
        for found in known.finditer(text.plain):
            yield found.span("it" if "it" in known.groupindex else 0)


def _hide(text: Text, first: int, last: int, hidden: bytearray) -> None:
    """Hide these characters, however they are written."""
    if first < last:
        begin, end = text.spans[first][0], text.spans[last - 1][1]
        hidden[begin:end] = b"\1" * (end - begin)


def _rendered(raw: str, hidden: bytearray) -> str:
    said: list[str] = []
    for at, each in enumerate(raw):
        if not hidden[at]:
            said.append(each if each.isprintable() or each in SHOWN else ascii(each)[1:-1])
        elif at == 0 or not hidden[at - 1]:
            said.append(REDACTED)
    return "".join(said)
