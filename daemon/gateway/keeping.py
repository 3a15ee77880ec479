"""What of an answer is kept, by which key, and how is it asked for anew?"""

import hashlib
import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from daemon.cache.shelf import Label
from daemon.gateway.call import Call

KEY_BYTES = 16  # which is as much salt as BLAKE2b takes, and too much to collide
KEPT_HEADERS = (
    "content-type",
    "content-language",
    "etag",
    "last-modified",
    "location",
    "link",
)
"""Headers of an answer that are kept, and that a program sees."""


def shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in KEPT_HEADERS if name in headers}


def sendable(validator: str | None) -> str | None:
    """What can go back in a header; another one would be no use, and the request be refused."""
    return validator if validator and re.fullmatch(r"[\x20-\x7e]+", validator) else None


def conditional(call: Call, label: Label | None) -> Call:
    if label is None or call.fresh:
        return call
    conditions = {"if-none-match": label.etag, "if-modified-since": label.last_modified}
    given = {name: value for name, value in conditions.items() if value is not None}
    return replace(call, request=replace(call.request, headers={**call.request.headers, **given}))


def key(call: Call) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(call.identity), digest_size=KEY_BYTES).digest()
