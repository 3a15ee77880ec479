"""What is said over the control socket of settings, breakers and retries?

Settings are written as in the configuration: `15m`, `23:00`, `true`.
"""

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from events.terms import Caller

Value: TypeAlias = str | int | float | bool | list[str] | dict[str, str]


class PolicyOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose settings: at most one of these; the fleet's where none is named."""

    connection: str | None = None
    tenant: str | None = None
    provider: str | None = None


class PolicyWish(PolicyOf, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings to set, as they are typed after `rounds policy set`."""

    settings: dict[str, str]


class PolicyReset(PolicyOf, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings to take back; all that were set by command where none is named."""

    names: list[str] = []


class PolicySetting(Struct, frozen=True, kw_only=True):
    """One setting that holds: its value, and who has the say in it.

    `source` is connection, tenant, provider or fleet where it was set by command (then by whom, and
    when) or `declared`, else configuration, provider-file or default, or learnt (from the
    interval). `event` says so in the log, `ended` is the event that ended last what went before it.
    """

    name: str
    value: Value
    source: str
    declared: bool = False
    by: Caller | None = None
    at: datetime | None = None
    event: int | None = None
    ended: int | None = None


class PolicyAnswer(Struct, frozen=True, kw_only=True):
    seq: int
    now: datetime
    name: str
    settings: list[PolicySetting]


class RetryWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Try now what waits to be tried again, or what failed last."""

    connection: str
    force: bool = False


class BreakerOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which breaker: a connection's or a provider's."""

    connection: str | None = None
    provider: str | None = None


class BreakerView(Struct, frozen=True, kw_only=True):
    """One breaker. `failed` and `told` are of the last twenty syncs that say something.

    `until` is None where it is closed, or open until somebody closes it. `successor` is who
    follows the provider, where it opened since that was switched off.
    """

    name: str
    place: str
    state: str
    reason: str | None
    until: datetime | None
    since: datetime | None
    openings: int
    successes: int
    failed: int
    told: int
    successor: str | None = None


class Breakers(Struct, frozen=True, kw_only=True):
    """Those that are not closed, and every provider's."""

    seq: int
    now: datetime
    breakers: list[BreakerView]
