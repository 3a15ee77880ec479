"""What is a made-up provider asked, and what does it answer?"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

JSON, HTML, CSV = "application/json", "text/html; charset=utf-8", "text/csv"


class Asked(Struct, frozen=True, kw_only=True):
    """One request. `key` and `authorization` are headers, empty where there are none."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str] = {}
    body: str = ""
    key: str = ""
    authorization: str = ""


class Answer(Struct, frozen=True, kw_only=True):
    """`location` is where a browser is sent on to."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    location: str = ""


def good(document: Any) -> Answer:
    return Answer(status=200, body=msgspec.json.encode(document) + b"\n")


def problem(status: int, message: str) -> Answer:
    return Answer(status=status, body=msgspec.json.encode({"error": message}) + b"\n")
