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
        return {max(runs, key=len).encode()}
    spelt = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret)}
    return {each.encode() for each in spelt}
