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

from daemon import setting_shapes
from daemon.duration import Duration
from daemon.duration import text as duration_text
from daemon.file_table import Name
from daemon.setting_shapes import CallsAMinute, Pause, Percent, Share, Spreads, WallTime
from events.policy import (
    DRIFT_PERCENT_OF,
    DRIFT_THRESHOLD_OF,
    INTERVAL_OF,
    OF_STREAMS,
    STALE_OF,
    Backoff,
    PolicySet,
    Settings,
)

Value: TypeAlias = str | int | float | bool | list[str] | dict[str, Any]
"""A setting as it is typed, or stands in JSON."""


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
    stale_after: Duration | None = None
    stream_stale_after: dict[Name, Duration] | None = None
    gap_after: Duration | None = None
    failing_after: Annotated[int, Meta(ge=1, le=100)] | None = None
    flapping_after: Annotated[int, Meta(ge=2, le=16)] | None = None
    slow_factor: Annotated[float, Meta(ge=1, le=1000)] | None = None
    overdue_after: Duration | None = None
    token_before: Duration | None = None
    drift_threshold: Spreads | None = None
    drift_percent: Percent | None = None
    stream_drift_threshold: dict[Name, Spreads] | None = None
    stream_drift_percent: dict[Name, Percent] | None = None
    adaptive: bool | None = None
    adaptive_least: Duration | None = None
    adaptive_most: Duration | None = None

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


NAMES = tuple(name for name in PolicyTable.__struct_fields__ if name not in OF_STREAMS.values())
"""All that can be set, but for what a stream can have of its own: `interval.STREAM`."""

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
        if prefix := of_stream(name):
            stream = name.removeprefix(prefix)
            own = document.setdefault(OF_STREAMS[prefix], {})
            own[_read(stream, Name, f"the stream of {name}")] = _read(text, _SHAPES[prefix], name)
        elif name in NAMES:
            words = [word.strip() for word in text.split(",") if word.strip()]
            document[name] = words if name == "priority_order" else text
            _check(name, text, document[name])
        else:
            raise WrongSetting(f"there is no setting {name}{_nearest(name)}")
    return msgspec.convert(document, PolicyTable, strict=False)


def of_stream(name: str) -> str | None:
    """How the name of a setting begins that is one stream's own; None where it is no such name."""
    return next((prefix for prefix in OF_STREAMS if name.startswith(prefix)), None)


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
            return {name: written(each) for name, each in value.items()}
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
            found[name] = setting_shapes.read(name, value)
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


def _read(text: str, of: Any, what: str) -> Any:
    try:
        read = msgspec.convert(text, of, strict=False)
    except msgspec.ValidationError:
        wanted = setting_shapes.wanted(msgspec.inspect.type_info(of))
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
        words = _WORDS.get(name) or setting_shapes.wanted(wanted)
        raise WrongSetting(f"{name} is {text!r}, expected {words}")


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1)
    return f"; did you mean {near[0]}?" if near else "; `rounds policy show` names all"


_SHAPES: dict[str, Any] = {
    INTERVAL_OF: Duration,
    STALE_OF: Duration,
    DRIFT_THRESHOLD_OF: Spreads,
    DRIFT_PERCENT_OF: Percent,
}
_WORDS = {
    "fallback": "the name of a connection such as acme/weather",
    "priority_order": "names of providers such as oura,strava",
}
