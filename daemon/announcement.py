"""Does an answer say that its provider will be switched off? Headers `Sunset` and `Deprecation`.

RFC 8594 has a `Sunset`, an HTTP date. RFC 9745 has a `Deprecation`, `@` and a Unix time; drafts of
it had an HTTP date, or `true`. What is neither says nothing.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from daemon import http_date

SUNSET, DEPRECATION = "sunset", "deprecation"
VALUE_MAX = 64  # characters; an HTTP date has 29
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNIX = re.compile(r"@(-?[0-9]{1,12})")
HTTP_DATE = re.compile(r"[A-Z][a-z]{2,8}, .{9,11} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


class Announcement(Struct, frozen=True, kw_only=True):
    """`deprecated`, perhaps `since` then; to be switched off at `sunset`."""

    deprecated: bool = False
    since: datetime | None = None
    sunset: datetime | None = None


def of(headers: Mapping[str, str]) -> Announcement | None:
    """What an answer announces, if it does; header names are in lower case."""
    if SUNSET not in headers and DEPRECATION not in headers:
        return None
    value = headers.get(DEPRECATION, "").strip(" \t")[: VALUE_MAX + 1]
    since = _unix(value) or _http_date(value)
    return Announcement(
        deprecated=since is not None or value in ("true", "?1"),
        since=since,
        sunset=_http_date(headers.get(SUNSET, "").strip(" \t")[: VALUE_MAX + 1]),
    )


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """These headers alone, of a refusal whose others are looked at no more."""
    return {name: headers[name] for name in (SUNSET, DEPRECATION) if name in headers}


def _unix(value: str) -> datetime | None:
    found = UNIX.fullmatch(value)
    try:
        return EPOCH + timedelta(seconds=int(found[1])) if found else None
    except OverflowError:
        return None


def _http_date(value: str) -> datetime | None:
    strict = value.isascii() and HTTP_DATE.fullmatch(value)
    return http_date.read(value) if strict else None
