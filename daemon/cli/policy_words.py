"""What does an event about settings or breakers say, in one plain line?"""

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any, TypeAlias, assert_never

from daemon import duration
from daemon.cli import times
from events.breakers import BreakerReason
from events.policy import PolicySet, Settings
from events.schema import (
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReset,
    SettingsDeclared,
    SettingsReset,
    SettingsSet,
)
from projections.fleet import DEFAULT_POLICY
from projections.settings import named

Change: TypeAlias = SettingsDeclared | SettingsSet | SettingsReset
Breaking: TypeAlias = BreakerOpened | BreakerProbed | BreakerEased | BreakerClosed | BreakerReset

OPENED = {
    BreakerReason.CALLS: "calls failed",
    BreakerReason.SYNCS: "syncs failed",
    BreakerReason.PROBE: "the probe failed",
    BreakerReason.RETIRED: "the provider switched this off for good",
    BreakerReason.BY_HAND: "by hand",
}


def change(event: Change, by: str, names: Mapping[int, str]) -> str:
    """`names` holds the fallback's, if the event speaks of one."""
    match event:
        case SettingsDeclared(settings=settings):
            return f"settings declared: {_said(settings, names) or 'none'}"
        case SettingsSet(settings=settings):
            return f"settings set{by}: {_said(settings, names)}"
        case SettingsReset(names=taken):
            return f"settings taken back{by}: {', '.join(taken)}"
        case _:
            assert_never(event)


def fleet(policy: PolicySet) -> str:
    """What the configuration says: the two that count most, and what is not as it ships."""
    from daemon import policy_file  # reads provider files too: heavy for the other commands

    shipped = policy_file.over(DEFAULT_POLICY, policy_file.FLEET)
    said = {"interval", "concurrency"}
    first = f"a sync every {times.exact(policy.interval)}, {policy.concurrency} at once"
    found = ((name, getattr(policy, name)) for name in PolicySet.__struct_fields__)
    other = [
        f"{name} {value(each)}"
        for name, each in found
        if name not in said and each != getattr(shipped, name)
    ]
    return f"settings: {'; '.join([first, ', '.join(other)] if other else [first])}"


def breaking(event: Breaking, by: str) -> str:
    match event:
        case BreakerOpened(reason=reason, until=until, failures=failures):
            waits = f" until {times.local(until)}" if until else ", until somebody closes it"
            many = f"{failures} " if failures > 1 else ""
            return f"breaker opened{by}{waits} ({many}{OPENED[reason]})"
        case BreakerProbed(successes=successes):
            return f"breaker half-open: {times.count(successes, 'probe')} got through"
        case BreakerEased(until=until, neighbour=neighbour):
            why = "a neighbour got through" if neighbour else "the clock jumped"
            return f"breaker waits until {times.local(until)} ({why})"
        case BreakerClosed():
            return f"breaker closed{by}"
        case BreakerReset():
            return f"breaker reset{by}"
        case _:
            assert_never(event)


def value(found: Any) -> str:
    """A setting's value as it is typed."""
    match found:
        case bool():
            return "true" if found else "false"
        case timedelta():
            return duration.text(found)
        case time():
            return found.strftime("%H:%M")
        case tuple():
            return ",".join(found)
        case _:
            return str(found)


def _said(settings: Settings, names: Mapping[int, str]) -> str:
    found = dict(named(settings))
    if settings.fallback is not None:
        found["fallback"] = names.get(settings.fallback, "another connection")
    return ", ".join(f"{name} {value(each)}" for name, each in found.items())
