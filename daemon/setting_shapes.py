"""In which shapes are settings written, and how is a value in them read?"""

from collections.abc import Callable
from datetime import time, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from daemon import expectation
from daemon.duration import Duration, duration
from daemon.file_table import Name
from events.policy import Backoff

Share = Annotated[float, Meta(ge=0, le=1)]
Spreads = Annotated[float, Meta(ge=1, le=100)]
Percent = Annotated[float, Meta(ge=0, le=1000)]
CallsAMinute = Annotated[int, Meta(ge=1, le=10_000)]
Pause = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,6}(ms|s|m|h))\Z")]
"""`0`, `100ms`, `10s`, `5m`, `1h`."""

WallTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
"""`23:00`, on the wall of whoever lives in the time zone."""


def read(name: str, value: Any) -> Any:
    """A setting's value as decisions read it, from what its shape lets through."""
    return _READERS.get(name, _as_it_is)(value)


def pause(text: str) -> timedelta:
    """Read what the type `Pause` lets through."""
    if text == "0":
        return timedelta(0)
    return timedelta(milliseconds=int(text[:-2])) if text.endswith("ms") else duration(text)


def wanted(info: msgspec.inspect.Type) -> str:
    """What is expected there, in words."""
    if isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    if isinstance(info, msgspec.inspect.UnionType):
        info = next(each for each in info.types if not isinstance(each, msgspec.inspect.NoneType))
    pattern = info.pattern if isinstance(info, msgspec.inspect.StrType) else None
    return _PATTERNS.get(pattern) or expectation.phrase(info)


def _pattern(of: Any) -> str | None:
    info = msgspec.inspect.type_info(of)
    assert isinstance(info, msgspec.inspect.StrType), "a text"
    return info.pattern


_PATTERNS: dict[str | None, str] = {
    _pattern(Pause): "0, or a span such as 100ms, 10s, 5m or 1h",
    _pattern(Duration): "a span such as 90s, 15m, 6h or 7d, or hourly, daily, weekly",
    _pattern(WallTime): "a time of day such as 23:00",
    _pattern(Name): "a name in lower case such as daily_sales",
}


def _as_it_is(value: Any) -> Any:
    return value


def _wall(text: str) -> time:
    return time(int(text[:2]), int(text[3:]))


def _by_stream(given: dict[str, str]) -> dict[str, timedelta]:
    return {name: duration(text) for name, text in given.items()}


_SPANS = (
    "interval",
    "versions_age",
    "stale_after",
    "gap_after",
    "overdue_after",
    "token_before",
    "adaptive_least",
    "adaptive_most",
)
_PAUSES = (
    "retry_delay",
    "retry_delay_max",
    "day_pause",
    "batch_pause",
    "breaker_window",
    "breaker_open",
    "breaker_open_max",
)
_READERS: dict[str, Callable[[Any], Any]] = {
    "stream_intervals": _by_stream,
    "stream_stale_after": _by_stream,
    "quiet_hours_start": _wall,
    "quiet_hours_end": _wall,
    "retry_backoff": Backoff,
    **dict.fromkeys(_SPANS, duration),
    **dict.fromkeys(_PAUSES, pause),
}
