"""How is a provider spoken to, as its file declares it?"""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta, Struct

from daemon import selector, strict_toml
from daemon.strict_toml import ConfigurationError
from events.terms import Mode, OnEmpty

RESERVED_HEADERS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "proxy-authorization",
        "transfer-encoding",
    }
)
"""Headers that a file may not set: they are the transport's, or would hold a secret."""

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*\Z", max_length=64)]
Text: TypeAlias = Annotated[str, Meta(min_length=1)]
Scalar: TypeAlias = str | int | float | bool
HeaderName: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")]
HeaderValue: TypeAlias = Annotated[str, Meta(pattern=r"^[\x20-\x7e]*\Z")]
UrlPath: TypeAlias = Annotated[str, Meta(pattern=r"^/[^?#\s]*\Z")]
Place: TypeAlias = Literal["query", "body"]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every table of the file is: strict, and silent about defaults when it is digested."""


class NoAuth(Table, frozen=True, kw_only=True, tag_field="kind", tag="none"):
    """The provider asks for no credential."""


class ApiKey(Table, frozen=True, kw_only=True, tag_field="kind", tag="api_key"):
    """The credential goes into one header, or into one query parameter."""

    header: HeaderName | None = None
    query: Text | None = None
    prefix: HeaderValue = ""

    def __post_init__(self) -> None:
        if (self.header is None) == (self.query is None):
            raise ValueError("exactly one of header and query is needed")
        if self.prefix and self.header is None:
            raise ValueError("prefix goes with header, not with query")


class Basic(Table, frozen=True, kw_only=True, tag_field="kind", tag="basic"):
    """The credential is `user:password`."""


Auth: TypeAlias = NoAuth | ApiKey | Basic


class Limits(Table, frozen=True, kw_only=True):
    """How long and how much, at most: a call's total time, its decoded body, a stream's fetch."""

    timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    body_bytes_max: Annotated[int, Meta(ge=1, le=1024**3)] = 16 * 1024**2
    pages_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    sync_timeout_s: Annotated[float, Meta(gt=0, le=7 * 86_400)] = 3600.0


class NoPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="none"):
    """One request gets everything."""


class LinkPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="link"):
    """The `Link` header's `rel="next"` is the next page's URL (RFC 8288)."""


class NextUrlPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="next_url"):
    """The body holds the next page's URL at `path`, or null, or nothing."""

    path: Text

    def __post_init__(self) -> None:
        _check_expression("path", self.path)


class CursorPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="cursor"):
    """The body holds a token at `path`, to be sent back as `param`."""

    path: Text
    param: Text
    place: Place = msgspec.field(name="in", default="query")

    def __post_init__(self) -> None:
        _check_expression("path", self.path)


class PagePaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="page"):
    """Pages are numbered from `start`; `last` says how the last is told from the others.

    `short` saves one request, where the provider is known to fill every page but the last: if it
    sends fewer than `size` for any other reason, what follows is never seen.
    """

    param: Text = "page"
    start: Annotated[int, Meta(ge=0)] = 1
    size_param: Text | None = None
    size: Annotated[int, Meta(ge=1)] | None = None
    last: Literal["empty", "short"] = "empty"
    place: Place = msgspec.field(name="in", default="query")

    def __post_init__(self) -> None:
        if self.last == "short" and self.size is None:
            raise ValueError('last = "short" needs the size that is short of')
        if self.size_param is not None and self.size is None:
            raise ValueError("size_param needs a size to send")


class OffsetPaging(Table, frozen=True, kw_only=True, tag_field="kind", tag="offset"):
    """Records are numbered from 0, by how many really came; `last` is as with pages."""

    param: Text = "offset"
    limit_param: Text = "limit"
    size: Annotated[int, Meta(ge=1)] = 100
    last: Literal["empty", "short"] = "empty"
    place: Place = msgspec.field(name="in", default="query")


Paging: TypeAlias = NoPaging | LinkPaging | NextUrlPaging | CursorPaging | PagePaging | OffsetPaging


class Cursor(Table, frozen=True, kw_only=True):
    """The greatest `field` of all records is sent as `param` the next time; `initial` the first."""

    field: Text
    param: Text
    initial: str | int | float | None = None
    place: Place = msgspec.field(name="in", default="query")

    def __post_init__(self) -> None:
        _check_expression("field", self.field)


class Stream(Table, frozen=True, kw_only=True):
    """How one kind of record is requested, found in the answer, and told from the others."""

    path: UrlPath
    primary_key: Annotated[tuple[Text, ...], Meta(min_length=1)]
    method: Literal["GET", "POST"] = "GET"
    params: dict[Text, Scalar] = {}
    headers: dict[HeaderName, HeaderValue] = {}
    body: dict[str, Any] | None = None
    records: Text = "@"
    mode: Mode = Mode.FULL
    empty: OnEmpty = OnEmpty.ROLLBACK
    paging: Paging = NoPaging()
    cursor: Cursor | None = None

    def __post_init__(self) -> None:
        _check_expression("records", self.records)
        if len(set(self.primary_key)) < len(self.primary_key):
            raise ValueError("primary_key names a field twice")
        if self.cursor is not None and self.mode is not Mode.INCREMENTAL:
            raise ValueError('cursor needs mode = "incremental"')
        reserved = sorted({name.lower() for name in self.headers} & RESERVED_HEADERS)
        if reserved:
            raise ValueError(f"headers may not set {reserved[0]}; credentials go under [auth]")
        if self.method == "GET" and (self.body is not None or self._pages_in_body()):
            raise ValueError('a body needs method = "POST"')

    def _pages_in_body(self) -> bool:
        return "body" in (getattr(self.paging, "place", None), getattr(self.cursor, "place", None))


class ProviderFile(Table, frozen=True, kw_only=True):
    """A provider, whole."""

    name: Name
    base_url: Text
    streams: Annotated[dict[Name, Stream], Meta(min_length=1)]
    title: str = ""
    auth: Auth = NoAuth()
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        _check_base_url(self.base_url)


def load(path: Path) -> ProviderFile:
    """Return the provider that `path` declares. Raises ConfigurationError."""
    provider = strict_toml.read(path, ProviderFile)
    if provider.name != path.stem:
        raise ConfigurationError(
            f'{path}: name is "{provider.name}", expected "{path.stem}" as the file is called'
        )
    return provider


def digest(provider: ProviderFile) -> str:
    """Return the SHA-256, in hexadecimal, of what the file says; defaults do not count."""
    return hashlib.sha256(msgspec.json.encode(provider, order="deterministic")).hexdigest()


def _check_expression(key: str, expression: str) -> None:
    try:
        selector.check(expression)
    except selector.BadExpression as error:
        raise ValueError(f"{key}: {error}") from None


def _check_base_url(url: str) -> None:
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("base_url is not an absolute http or https URL")
    if "@" in parts.netloc:
        raise ValueError("base_url holds a user name; credentials are set per connection")
    if "?" in url or "#" in url:
        raise ValueError("base_url has a query or a fragment; params belong to the streams")


def _split(url: str) -> SplitResult | None:
    if re.search(r"[^\x21-\x7e]|\\", url):  # URL parsers differ in what they make of these
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        return None
    return parts
