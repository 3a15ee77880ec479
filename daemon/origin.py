"""Does a URL that a provider named lie at its own origin, where credentials may go?

The origin is written as ours and only the rest is taken over, so that two parsers that disagree
about a crooked URL cannot send the credential astray.
"""

import re
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

URL_MAX = 8192  # characters of a URL or a token; servers take no longer request line
PORTS = {"http": 80, "https": 443}


class NotAUrl(Exception):
    """What was named cannot be read as a URL."""


class Elsewhere(Exception):
    """It lies at another scheme, host or port, or names a user."""


def at_home(base: str, target: str) -> str:
    """Return the URL that `target` means, seen from `base`. Raises NotAUrl, Elsewhere."""
    ours, theirs = urlsplit(base), _resolved(base, target)
    if _origin(ours) != _origin(theirs) or "@" in theirs.netloc:
        raise Elsewhere
    return urlunsplit((ours.scheme, ours.netloc, theirs.path or "/", theirs.query, ""))


def _resolved(base: str, target: str) -> SplitResult:
    if len(target) > URL_MAX or re.search(r"[\x00-\x20\\]", target):
        raise NotAUrl
    try:
        parts = urlsplit(urljoin(base, target))
        _ = parts.port  # reading it is what checks it
    except ValueError:
        raise NotAUrl from None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)
