"""What is said over the control socket of drift?

A verdict comes with every term that it was made of: what was usual (its baseline), how far off it
was, and in which spreads that was measured. Times are UTC; a day is one of the connection's zone.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from daemon.shape import Shape
from projections.arrivals import Reshaped, Step
from projections.drift import Verdict, Word
from projections.freshness import Freshness
from projections.value_drift import FieldVerdict

DAYS = 70  # what one day's verdict can be made of: eight weeks, and the two that make their levels
DAYS_MAX = 400  # a year, and what its first days are judged by

Days = Annotated[int, Meta(ge=1, le=DAYS_MAX)]
Threshold = Annotated[float, Meta(ge=1, le=100)]
Percent = Annotated[float, Meta(ge=0, le=1000)]


class DriftQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a connection, or one stream of it, by what came in the last so many days.

    `threshold` and `percent` stand for the settings `drift_threshold` and `drift_percent`.
    """

    connection: str
    stream: str | None = None
    days: Days = DAYS
    threshold: Threshold | None = None
    percent: Percent | None = None


class OfSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tenant's data from a provider, or from `provider/stream`."""

    tenant: str
    source: str


class StreamDrift(Struct, frozen=True, kw_only=True):
    """The last whole period of a stream, and how old its newest data is.

    `verdict` is None before a whole period, `freshness` where nothing has come yet but loads; it
    last brought something new, perhaps by one, at `brought_at`. `reshaped` are the answers of
    that time which had lost fields, or had them of another type, the newest last. `shape` is how
    fields differ that all records have, between the oldest version of that time and the last one.
    `fields` are those whose values the provider's file says to `watch`, as the last version wrote
    them.
    """

    stream: str
    step: Step
    periods: int
    verdict: Verdict | None
    freshness: Freshness | None
    brought_at: datetime | None = None
    reshaped: list[Reshaped] = []
    shape: Shape | None = None
    threshold: float
    percent: float
    fields: list[FieldVerdict] = []


class DriftAnswer(Struct, frozen=True, kw_only=True):
    """`threshold` and `percent` hold for those streams that have none of their own."""

    seq: int
    now: datetime
    connection: str
    zone: str
    since: datetime
    threshold: float
    percent: float
    streams: list[StreamDrift]


class FieldAlarms(Struct, frozen=True, kw_only=True):
    """When a watched field's values would have alarmed: of so many versions, so many were judged.

    A run of versions is one alarm of the `runs`.
    """

    field: str
    versions: int
    judged: int
    alarms: list[FieldVerdict]
    runs: int


class StreamAlarms(Struct, frozen=True, kw_only=True):
    """What would have alarmed: of so many whole `periods`, of which so many could be judged.

    A run of periods on the same side is one alarm of those `a_month`.
    """

    stream: str
    step: Step
    periods: int
    judged: int
    alarms: list[Verdict]
    runs: int
    a_month: float | None
    threshold: float
    percent: float
    fields: list[FieldAlarms] = []


class DriftBacktest(Struct, frozen=True, kw_only=True):
    seq: int
    now: datetime
    connection: str
    zone: str
    since: datetime
    threshold: float
    percent: float
    streams: list[StreamAlarms]


class SourceDrift(Struct, frozen=True, kw_only=True):
    """How many percent what came in the last whole period is off what was expected of it."""

    stream: str
    period: Step
    at: datetime | None
    drift_percentage: float | None
    expected: float | None
    actual: int | None
    verdict: Word
    since: datetime | None
    late: bool


class DataDrift(Struct, frozen=True, kw_only=True):
    seq: int
    now: datetime
    tenant: str
    source: str
    connection: str
    drifts: list[SourceDrift]
