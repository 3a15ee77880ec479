"""What does an answer's body say, as JSON?"""

from codecs import BOM_UTF8
from typing import Any

import msgspec


class NotJson(Exception):
    """The body is not whole, well-formed JSON."""


def bare(body: bytes) -> bytes:
    """Return the body without the byte order mark that some servers put before it."""
    return body.removeprefix(BOM_UTF8)


def decode(body: bytes) -> Any:
    """Return the body's JSON. Raises NotJson, which holds nothing of the body."""
    try:
        return msgspec.json.decode(bare(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        loss = NotJson()
    raise loss
