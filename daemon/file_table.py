"""Of what are a provider file's tables made?"""

import re
from typing import Annotated, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

from msgspec import Meta, Struct

from daemon import selector

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*\Z", max_length=64)]
Text: TypeAlias = Annotated[str, Meta(min_length=1)]
Scalar: TypeAlias = str | int | float | bool
HeaderName: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")]
HeaderValue: TypeAlias = Annotated[str, Meta(pattern=r"^[\x20-\x7e]*\Z")]
UrlPath: TypeAlias = Annotated[str, Meta(pattern=r"^/[^?#\s]*\Z")]
Place: TypeAlias = Literal["query", "body"]
Which: TypeAlias = Literal["all", "reads"]
"""Which calls something holds for: every one, or GET and HEAD alone."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
"""`{account}` in a path, a parameter, a body: what a connection or a window puts in its place."""


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every table of the file is: strict, and silent about defaults when it is digested."""


def check_expression(key: str, expression: str) -> None:
    """Raise ValueError unless `expression` is JMESPath."""
    try:
        selector.check(expression)
    except selector.BadExpression as error:
        raise ValueError(f"{key}: {error}") from None


def check_secret_url(key: str, url: str) -> None:
    """Raise ValueError unless secrets may go to `url`: by https, or to this very host."""
    check_url(key, url)
    parts = _split(PLACEHOLDER.sub("x", url))
    if parts and parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError(f"{key} would be sent secrets over plain http; it needs https")


def check_url(key: str, url: str) -> None:
    """Raise ValueError unless `url` is an absolute http or https URL without a secret in it."""
    parts = _split(PLACEHOLDER.sub("x", url))
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{key} is not an absolute http or https URL")
    if "@" in parts.netloc:
        raise ValueError(f"{key} holds a user name; credentials are set per connection")
    if "?" in url or "#" in url:
        raise ValueError(f"{key} has a query or a fragment; parameters have their own keys")


def placeholders(value: object) -> set[str]:
    """Return the names of all placeholders in a text, or in what a table or an array holds."""
    match value:
        case str():
            return set(PLACEHOLDER.findall(value))
        case dict():
            return set().union(*map(placeholders, value.values()))
        case list() | tuple():
            return set().union(*map(placeholders, value))
        case _:
            return set()


def fragments(value: object) -> set[str]:
    """Return the names of those placeholders that stand in a longer text."""
    match value:
        case str():
            return set() if PLACEHOLDER.fullmatch(value) else placeholders(value)
        case dict():
            return set().union(*map(fragments, value.values()))
        case list() | tuple():
            return set().union(*map(fragments, value))
        case _:
            return set()


def _split(url: str) -> SplitResult | None:
    if re.search(r"[^\x21-\x7e]|\\", url):  # URL parsers differ in what they make of these
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        return None
    return parts
