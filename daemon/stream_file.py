"""How is one kind of record requested, found in the answer, and told from the others?"""

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from daemon.csv_file import Csv
from daemon.duration import Duration
from daemon.file_table import (
    HeaderName,
    HeaderValue,
    Place,
    Scalar,
    Table,
    Text,
    UrlPath,
    check_expression,
    fragments,
    placeholders,
)
from daemon.guard_file import Guards
from daemon.paging_file import NoPaging, Paging
from events.terms import Mode, Reaction

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

WINDOW_NAMES = frozenset({"start", "end", "day"})
"""What a window puts into placeholders: its bounds in its format, and its day as an ISO date."""

TimeFormat = Literal["date", "datetime", "local_datetime", "unix", "unix_ms", "unix_ns"]
"""`datetime` is RFC 3339 in UTC, `local_datetime` the same without an offset, in its time zone."""

WindowFormat = Literal[TimeFormat, "civil_date"]
"""`civil_date` is an object of the numbers year, month and day, as Google's APIs want it."""


WATCHED_MAX = 16  # fields of a stream: each is reckoned with whenever records are compared


class Cursor(Table, frozen=True, kw_only=True):
    """The greatest `field` of all records is sent as `param` the next time; `initial` the first.

    With `look_back_s` it is sent as that much earlier, for data that arrives late; the field
    then holds times, written as `format` says. Where the parameter wants them written otherwise,
    `sent_as` says how; `initial` is sent as it stands.
    """

    field: Text
    param: Text
    initial: str | int | float | None = None
    place: Place = msgspec.field(name="in", default="query")
    look_back_s: Annotated[int, Meta(ge=1, le=366 * 86_400)] | None = None
    format: TimeFormat = "datetime"
    sent_as: TimeFormat | None = None

    def __post_init__(self) -> None:
        check_expression("field", self.field)


class Window(Table, frozen=True, kw_only=True):
    """One fetch a day: the last `days` days, today in `timezone` included.

    `{start}` and `{end}` stand for a day's bounds; `end = "inclusive"` ends at its last unit of
    `format` (the same date, one second less), "exclusive" where the next day begins.
    """

    days: Annotated[int, Meta(ge=1, le=366)] = 7
    format: WindowFormat = "date"
    end: Literal["inclusive", "exclusive"] = "exclusive"
    timezone: Text = "UTC"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, KeyError):
            raise ValueError("timezone is not known; write one as Europe/Madrid") from None


class Stream(Table, frozen=True, kw_only=True):
    """One stream. Records are JSON, unless there is a `csv` table. `timeout_s` is of one call.

    `interval` is its own, where the connection's is not right for it. With `waits_for` it is left
    out while that stream, or the "connection" as a whole, is not healthy. `total` (JMESPath) is
    where an answer says how many records there are, on all its pages together. `watch` (JMESPath
    of a record) are fields whose values are likened to those that came before.
    """

    path: UrlPath
    primary_key: Annotated[tuple[Text, ...], Meta(min_length=1)]
    method: Literal["GET", "POST"] = "GET"
    params: dict[Text, Scalar] = {}
    headers: dict[HeaderName, HeaderValue] = {}
    body: dict[str, Any] | None = None
    records: Text = "@"
    mode: Mode = Mode.FULL
    empty: Reaction = Reaction.ROLLBACK
    guards: Guards = Guards()
    total: Text | None = None
    watch: Annotated[tuple[Text, ...], Meta(max_length=WATCHED_MAX)] = ()
    paging: Paging = NoPaging()
    cursor: Cursor | None = None
    window: Window | None = None
    csv: Csv | None = None
    timeout_s: Annotated[float, Meta(gt=0, le=3600)] | None = None
    interval: Duration | None = None
    waits_for: Text | None = None

    def __post_init__(self) -> None:
        check_expression("records", self.records)
        if len(set(self.primary_key)) < len(self.primary_key):
            raise ValueError("primary_key names a field twice")
        if self.cursor is not None and self.mode is not Mode.INCREMENTAL:
            raise ValueError('cursor needs mode = "incremental"')
        reserved = sorted({name.lower() for name in self.headers} & RESERVED_HEADERS)
        if reserved:
            raise ValueError(f"headers may not set {reserved[0]}; credentials go under [auth]")
        if self.total is not None:
            check_expression("total", self.total)
        self._check_watch()
        self._check_guards()
        self._check_body()
        self._check_window()
        if self.csv is not None:
            self._check_csv(self.csv)

    def placeholders(self) -> set[str]:
        """Return the names of all placeholders that its requests hold."""
        return placeholders([self.path, self.params, self.headers])

    def _check_watch(self) -> None:
        for index, each in enumerate(self.watch):
            check_expression(f"watch[{index}]", each)
            if each in self.watch[:index]:
                raise ValueError(f"watch names {each} twice")

    def _check_guards(self) -> None:
        """What would never doubt anything is a mistake."""
        guards = self.guards
        if self.total is None and guards.incomplete is not None:
            raise ValueError(
                "guards.incomplete needs total, where an answer says how many there are"
            )
        if self.mode is Mode.INCREMENTAL and guards.names_absence():
            raise ValueError(
                "an incremental stream's answers hold what is new: nothing shrinks or is stale in"
                " them; take shrunk, shrunk_by, rows_min, stale and stale_after out of guards"
            )
        if self.mode is not Mode.FULL and guards.stale_after is not None:
            raise ValueError("guards.stale_after is for full answers; days are told by stale alone")
        if self.mode is Mode.FULL and guards.stale is not None and guards.stale_after is None:
            raise ValueError("guards.stale needs stale_after: for how long it may stay the same")

    def _check_csv(self, csv: Csv) -> None:
        if self.records != "@" or not isinstance(self.paging, NoPaging):
            raise ValueError("a csv stream is one file of rows: it has neither records nor paging")
        if self.total is not None:
            raise ValueError("a csv stream is one file of rows: it has no total")
        if self.cursor is not None:
            raise ValueError("a csv stream comes whole: it has no cursor")
        for name in self.primary_key:
            if name in csv.rename and name not in csv.rename.values():
                raise ValueError(f"primary_key names {name}, which rename calls {csv.rename[name]}")
            if not csv.header and name not in csv.columns:
                raise ValueError(f"primary_key names {name}, which columns does not")

    def _check_body(self) -> None:
        places = getattr(self.paging, "place", None), getattr(self.cursor, "place", None)
        if self.method == "GET" and (self.body is not None or "body" in places):
            raise ValueError('a body needs method = "POST"')

    def _check_window(self) -> None:
        if (self.window is not None) != (self.mode is Mode.WINDOW):
            raise ValueError('a window table goes with mode = "window", and only there')
        used = (self.placeholders() | placeholders(self.body)) & WINDOW_NAMES
        if self.window is not None and not used & {"start", "day"}:
            raise ValueError("a window needs {start} or {day} in its path, params, headers or body")
        objects = self.window is not None and self.window.format == "civil_date"
        in_text = self.placeholders() | fragments(self.body)
        if objects and in_text & {"start", "end"}:
            raise ValueError(
                '{start} and {end} of format "civil_date" are objects: '
                "each stands in a body, and is all of its text"
            )
        if self.window is None and (self.placeholders() & WINDOW_NAMES):
            raise ValueError("{start}, {end} and {day} need a window table")
