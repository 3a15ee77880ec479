"""Does an answer repeat a secret that its request was signed with?"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

from daemon.secret import Secret

LENGTH_MIN = 8  # characters: what is shorter stands in many an answer by chance
RUN_MIN = 16  # of letters and digits, which no spelling changes, and no chance brings about
RUNS = re.compile(rf"[A-Za-z0-9]{{{RUN_MIN},}}")


def repeats(secrets: Iterable[Secret], headers: Mapping[str, str], body: bytes) -> bool:
    """Say whether any of these values of headers and parameters stands in it."""
    marks = [mark for each in secrets for mark in _marks(each.reveal())]
    if not marks:
        return False
    said = "\n".join(headers.values()).encode()
    return any(mark in body or mark in said for mark in marks)


@lru_cache(maxsize=64)  # calls of one connection follow each other
def _marks(value: str) -> tuple[bytes, ...]:
    """By what it is known again: a long run of plain characters, or all of it, as it is written."""
    return tuple(mark for each in _parts(value) for mark in _spelt(each))


def _parts(value: str) -> Iterator[str]:
    """What comes after a scheme (`Bearer`); of Basic, the password too."""
    scheme, _, secret = value.rpartition(" ")
    yield secret
    if scheme.lower() == "basic":
        try:
            yield base64.b64decode(secret).decode("utf-8", "replace").partition(":")[2]
        except binascii.Error:
            return


def _spelt(secret: str) -> set[bytes]:
    if len(secret) < LENGTH_MIN:
        return set()
    if runs := RUNS.findall(secret):
        return _coded(max(runs, key=len))
    spelt = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret)}
    return {coded for each in spelt for coded in _coded(each)}


def _coded(text: str) -> set[bytes]:
    """As it is, in hex, in UTF-16 of both orders, and in base 64 wherever in a text it stands."""
    plain = text.encode()
    wide = text.encode("utf-16-le")[:-1]  # the zero at its end comes first in the other order
    found = {plain, plain.hex().encode(), plain.hex().upper().encode(), wide}
    for offset in range(3):  # what stands before it shifts it
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(offset) + plain)
            found.add(whole[-(-offset * 8 // 6) : len(whole) - 4])
    return found
