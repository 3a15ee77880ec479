"""For how long may an answer be used, by the headers that came with it?

RFC 9111 as a private cache reads it (so `private` allows and `s-maxage` is not ours), with the
`stale-while-revalidate` and `stale-if-error` of RFC 5861. What cannot be read counts as not said.
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from daemon import http_date
from daemon.decide.caching import Said

DIGITS = 10  # more seconds than anybody lives
DIRECTIVE = re.compile(r'([\w-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s,;"]*)))?', re.ASCII)


def read(headers: Mapping[str, str]) -> Said:
    """Header names are in lower case, repeated headers joined by a comma."""
    told = _directives(headers.get("cache-control", ""))
    age = _seconds(headers.get("age")) or timedelta()
    return Said(
        no_store="no-store" in told or "*" in map(str.strip, headers.get("vary", "").split(",")),
        no_cache="no-cache" in told,
        must_revalidate="must-revalidate" in told,
        fresh=_left(_seconds(told.get("max-age")), _until_expiry(headers), age),
        while_revalidate=_seconds(told.get("stale-while-revalidate")),
        if_error=_seconds(told.get("stale-if-error")),
    )


def _left(max_age: timedelta | None, expires: timedelta | None, age: timedelta) -> timedelta | None:
    """How long it is fresh from now on: `max-age` goes before `Expires` (RFC 9111, 5.3)."""
    whole = expires if max_age is None else max_age
    return None if whole is None else max(timedelta(), whole - age)


def _until_expiry(headers: Mapping[str, str]) -> timedelta | None:
    """By the provider's own clock: `Expires` against `Date`; one that is no date has passed."""
    if "expires" not in headers:
        return None
    expires = http_date.read(headers["expires"])
    date = http_date.read(headers.get("date", ""))
    return timedelta() if expires is None or date is None else max(timedelta(), expires - date)


def _directives(text: str) -> dict[str, str]:
    """The first of each name counts, whatever stands between them."""
    found: dict[str, str] = {}
    for one in DIRECTIVE.finditer(text):
        found.setdefault(one[1].lower(), one[2] or one[3] or "")
    return found


def _seconds(text: str | None) -> timedelta | None:
    if text is None or not re.fullmatch(r"[0-9]+", text.strip()):  # `int` would take more
        return None
    return timedelta(seconds=int(text.strip()[:DIGITS]))
