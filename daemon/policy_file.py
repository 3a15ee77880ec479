"""How do people write the settings of the fleet, a provider, a tenant or a connection?

In the configuration's `[policy]` tables, over the API, and after `rounds policy set`: the same
names, the same ranges.
"""

import difflib
from collections.abc import Callable, Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

from daemon import expectation
from daemon.duration import Duration, duration
from daemon.duration import text as duration_text
from daemon.file_table import Name
from events.policy import INTERVAL_OF, Backoff, PolicySet, Settings

Value: TypeAlias = str | int | float | bool | list[str] | dict[str, str]
"""A setting as it is typed, or stands in JSON."""

Share = Annotated[float, Meta(ge=0, le=1)]
CallsAMinute = Annotated[int, Meta(ge=1, le=10_000)]
Pause = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,6}(ms|s|m|h))\Z")]
"""`0`, `100ms`, `10s`, `5m`, `1h`."""

WallTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
"""`23:00`, on the wall of whoever lives in the time zone."""


class PolicyTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one subject; what is not there is the wider subject's."""

    interval: Duration | None = None
    stream_intervals: dict[Name, Duration] | None = None
    enabled: bool | None = None
    spread: Annotated[float, Meta(ge=0, le=0.5)] | None = None
    priority_order: Annotated[tuple[Name, ...], Meta(max_length=100)] | None = None
    quiet_hours_start: WallTime | None = None
    quiet_hours_end: WallTime | None = None
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    failover_enabled: bool | None = None
    fallback: Annotated[str, Meta(min_length=3)] | None = None
    max_retry_attempts: Annotated[int, Meta(ge=1, le=10)] | None = None
    retry_delay: Pause | None = None
    retry_delay_max: Pause | None = None
    retry_backoff: Literal["exponential", "fixed"] | None = None
    retry_jitter: bool | None = None
    retry_priority_step: Annotated[int, Meta(ge=-9, le=9)] | None = None
    retries_at_once: Annotated[int, Meta(ge=1, le=1000)] | None = None
    retry_budget: Share | None = None
    concurrency: Annotated[int, Meta(ge=1, le=1000)] | None = None
    provider_concurrency: Annotated[int, Meta(ge=1, le=1000)] | None = None
    day_pause: Pause | None = None
    batch_size: Annotated[int, Meta(ge=1, le=100)] | None = None
    batch_pause: Pause | None = None
    notification_enabled: bool | None = None
    breaker_failures: Annotated[int, Meta(ge=1, le=64)] | None = None
    breaker_window: Pause | None = None
    breaker_open: Pause | None = None
    breaker_open_max: Pause | None = None
    breaker_doubling: bool | None = None
    breaker_successes: Annotated[int, Meta(ge=1, le=10)] | None = None
    breaker_syncs_in_a_row: Annotated[int, Meta(ge=1, le=20)] | None = None
    breaker_syncs_share: Annotated[float, Meta(gt=0, le=1)] | None = None
    breaker_connections: Annotated[int, Meta(ge=1, le=64)] | None = None
    caller_reads: CallsAMinute | None = None
    caller_writes: CallsAMinute | None = None
    caller_rpcs: CallsAMinute | None = None
    caller_auths: CallsAMinute | None = None
    caller_operator_share: Annotated[float, Meta(gt=0, le=1)] | None = None
    versions_kept: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    versions_age: Duration | None = None
    drift_threshold: Annotated[float, Meta(ge=1, le=100)] | None = None
    drift_percent: Annotated[float, Meta(ge=0, le=1000)] | None = None

    def __post_init__(self) -> None:
        if self.timezone is not None and not is_zone(self.timezone):
            raise ValueError("timezone is not known; write one as Europe/Madrid")


def is_zone(name: str) -> bool:
    """Whether this host knows a time zone of that name."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


NAMES = tuple(name for name in PolicyTable.__struct_fields__ if name != "stream_intervals")
"""All that can be set, but for `interval.STREAM`."""

FLEET_ALONE = frozenset({"concurrency", "retries_at_once"})
"""What is counted over all connections: narrower subjects have none of it."""

PROVIDER_ALONE = frozenset(
    {"provider_concurrency", "breaker_connections", "retry_budget", "batch_size", "batch_pause"}
)
"""What is counted over a provider's connections; the fleet's holds where it says nothing."""

TENANT_ALONE = frozenset(
    {"caller_reads", "caller_writes", "caller_rpcs", "caller_auths", "caller_operator_share"}
)
"""What is counted over a tenant's programs; the fleet's holds where it says nothing."""

CONNECTION_ALONE = frozenset({"fallback"})

FLEET = PolicyTable(spread=0.1, failover_enabled=True, day_pause="100ms", batch_pause="1s")
"""What holds for a fleet whose configuration says nothing, beside the defaults of `PolicySet`."""


class PolicyTables(PolicyTable, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[policy]` of the configuration: the fleet's own, and by name those of narrower subjects."""

    providers: dict[str, PolicyTable] = {}
    tenants: dict[str, PolicyTable] = {}
    connections: dict[str, PolicyTable] = {}


class WrongSetting(Exception):
    """A setting is not one, or its value is outside its range; the text says which."""


def parse(given: Mapping[str, str]) -> PolicyTable:
    """Read what was typed as `name=value`. Raises WrongSetting."""
    document: dict[str, Any] = {}
    for name, text in given.items():
        if name.startswith(INTERVAL_OF):
            stream = name.removeprefix(INTERVAL_OF)
            intervals = document.setdefault("stream_intervals", {})
            intervals[_read(stream, Name, f"the stream of {name}")] = _read(text, Duration, name)
        elif name in NAMES:
            words = [word.strip() for word in text.split(",") if word.strip()]
            document[name] = words if name == "priority_order" else text
            _check(name, text, document[name])
        else:
            raise WrongSetting(f"there is no setting {name}{_nearest(name)}")
    return msgspec.convert(document, PolicyTable, strict=False)


def check_place(table: PolicyTable, place: str) -> str | None:
    """What is wrong with these settings for a fleet, provider, tenant or connection, or None."""
    for name in PolicyTable.__struct_fields__:
        if getattr(table, name) is not None and (wrong := is_misplaced(name, place)):
            return wrong
    return None


def is_misplaced(name: str, place: str) -> str | None:
    """Why there is no such setting in that place, as a sentence; None where there is."""
    if name in FLEET_ALONE and place != "fleet":
        return f"{name} is the fleet's alone"
    if name in PROVIDER_ALONE and place not in {"fleet", "provider"}:
        return f"{name} is a provider's, or the fleet's"
    if name in TENANT_ALONE and place not in {"fleet", "tenant"}:
        return f"{name} is a tenant's, or the fleet's"
    if name in CONNECTION_ALONE and place != "connection":
        return f"{name} is a connection's alone"
    return None


def written(value: Any) -> Value:
    """Write a setting's value as it is typed; the reverse of `settings`."""
    match value:
        case timedelta():
            return duration_text(value)
        case time():
            return value.strftime("%H:%M")
        case tuple():
            return list(value)
        case Mapping():
            return {name: duration_text(each) for name, each in value.items()}
        case Backoff():
            return value.value
        case _:
            plain: Value = value
            return plain


def settings(table: PolicyTable, fallback: Callable[[str], int] | None = None) -> Settings:
    """What decisions read of a table; `fallback` finds the connection of that name."""
    found: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        value = getattr(table, name)
        if value is not None:
            found[name] = _READERS.get(name, _as_it_is)(value)
    if table.fallback is not None:
        assert fallback is not None, "only a connection has one"
        found["fallback"] = fallback(table.fallback)
    return Settings(**found)


def over(policy: PolicySet, table: PolicyTable) -> PolicySet:
    """The fleet's settings, with what a table says in place of its own."""
    said = settings(table)
    found = {
        name: value
        for name in PolicySet.__struct_fields__
        if (value := getattr(said, name, None)) is not None
    }
    return msgspec.structs.replace(policy, **found)


def pause(text: str) -> timedelta:
    """Read what the type `Pause` lets through."""
    if text == "0":
        return timedelta(0)
    return timedelta(milliseconds=int(text[:-2])) if text.endswith("ms") else duration(text)


def _read(text: str, of: Any, what: str) -> str:
    try:
        read: str = msgspec.convert(text, of)
    except msgspec.ValidationError:
        wanted = _wanted(msgspec.inspect.type_info(of))
        raise WrongSetting(f"{what} is {text!r}, expected {wanted}") from None
    return read


def _check(name: str, text: str, value: Any) -> None:
    try:
        read = msgspec.convert({name: value}, PolicyTable, strict=False)
    except msgspec.ValidationError as error:
        if "timezone is not known" in str(error):
            raise WrongSetting(str(error)) from None
        read = PolicyTable()
    if getattr(read, name) is None:  # or `null` was typed, which is none either
        info = msgspec.inspect.type_info(PolicyTable)
        assert isinstance(info, msgspec.inspect.StructType), "a table is a struct"
        wanted = next(each.type for each in info.fields if each.name == name)
        words = _WORDS.get(name) or _wanted(wanted)
        raise WrongSetting(f"{name} is {text!r}, expected {words}")


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1)
    return f"; did you mean {near[0]}?" if near else "; `rounds policy show` names all"


def _wanted(info: msgspec.inspect.Type) -> str:
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


_WORDS = {
    "fallback": "the name of a connection such as acme/weather",
    "priority_order": "names of providers such as oura,strava",
}
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


def _intervals(given: dict[str, str]) -> dict[str, timedelta]:
    return {name: duration(text) for name, text in given.items()}


_PAUSES = (
    *("retry_delay", "retry_delay_max", "day_pause", "batch_pause"),
    *("breaker_window", "breaker_open", "breaker_open_max"),
)
_READERS: dict[str, Callable[[Any], Any]] = {
    "interval": duration,
    "versions_age": duration,
    "stream_intervals": _intervals,
    "quiet_hours_start": _wall,
    "quiet_hours_end": _wall,
    "retry_backoff": Backoff,
    **dict.fromkeys(_PAUSES, pause),
}
