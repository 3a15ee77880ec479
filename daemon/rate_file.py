"""How many calls does a provider allow, and in which dialect does it say so?"""

from typing import Annotated, Literal

from msgspec import Meta

from daemon.file_table import HeaderName, Table, Which

Seconds = Annotated[int, Meta(ge=1, le=366 * 86_400)]


class RateWindow(Table, frozen=True, kw_only=True):
    """`calls` in any `per_s` seconds (sliding), or between the clock's multiples of it in UTC.

    `scope` is what is counted together: all connections of the application, or each one's own.
    """

    calls: Annotated[int, Meta(ge=1)]
    per_s: Seconds
    scope: Literal["application", "connection"] = "application"
    kind: Literal["sliding", "aligned"] = "sliding"
    only: Which = "all"


class RateHeaders(Table, frozen=True, kw_only=True):
    """One set of headers about limits. A value may be a list, `200,2000`: one for each window.

    `reset` tells when calls are allowed again: seconds from now, a Unix time in seconds or
    milliseconds, or an HTTP date. Where there is none, `limit` and `used` tell which of the
    `windows` (those with the same `only`, in their order) is used up.
    """

    limit: HeaderName | None = None
    used: HeaderName | None = None
    remaining: HeaderName | None = None
    reset: HeaderName | None = None
    reset_as: Literal["seconds", "unix", "unix_ms", "date"] = "seconds"
    only: Which = "all"

    def __post_init__(self) -> None:
        if self.reset is None and (self.limit is None or self.used is None):
            raise ValueError("either reset is needed, or limit and used")


class Rate(Table, frozen=True, kw_only=True):
    windows: tuple[RateWindow, ...] = ()
    headers: tuple[RateHeaders, ...] = ()
