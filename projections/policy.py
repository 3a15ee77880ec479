"""Which settings hold for this subject, taken over all that have a say?"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from events.policy import DRIFT_PERCENT_OF, DRIFT_THRESHOLD_OF, INTERVAL_OF, PolicySet
from events.schema import FLEET
from projections import provider
from projections.drift import Rule
from projections.provider import Provider
from projections.settings import Scope
from projections.world import World

SHARED = frozenset(PolicySet.__struct_fields__)
"""What the configuration says of the whole fleet, and narrower subjects may have of their own."""


def of_connection(world: World, subject: int) -> PolicySet:
    """The connection's own first, then its tenant's, its provider's, the fleet's."""
    known = world.connections[subject]
    found = _found(world, FLEET, known.provider, known.tenant)
    if known.interval is not None:
        found["interval"] = known.interval
    if subject in world.scopes:
        found.update(world.scopes[subject].values)
    return _replaced(world.fleet.policy, found)


def of_others(world: World, subject: int) -> PolicySet:
    """What would hold for a connection if it had nothing of its own."""
    known = world.connections[subject]
    return _over(world, FLEET, known.provider, known.tenant)


def of_provider(world: World, subject: int) -> PolicySet:
    return _over(world, FLEET, subject)


def of_tenant(world: World, subject: int) -> PolicySet:
    return _over(world, FLEET, subject)


def of_fleet(world: World) -> PolicySet:
    return _over(world, FLEET)


def fallback(world: World, subject: int) -> int | None:
    """The connection that stands in for this one."""
    own = world.scopes.get(subject)
    found = own.values.get("fallback") if own else None
    return int(found) if found is not None else None


def stream_interval(world: World, subject: int, stream: str) -> timedelta | None:
    """The interval that this stream has of its own; None where its connection's holds.

    The provider's file comes last: what people set goes before what came with it.
    """
    own: timedelta | None = _own(world, subject, f"{INTERVAL_OF}{stream}")
    if own is not None:
        return own
    return declared_interval(world.providers[world.connections[subject].provider], stream)


def drift_rule(world: World, subject: int, stream: str) -> Rule:
    """How far off is too far for that stream: its own, else its connection's."""
    rules = of_connection(world, subject)
    threshold: float | None = _own(world, subject, f"{DRIFT_THRESHOLD_OF}{stream}")
    percent: float | None = _own(world, subject, f"{DRIFT_PERCENT_OF}{stream}")
    return Rule(
        threshold=rules.drift_threshold if threshold is None else threshold,
        percent=rules.drift_percent if percent is None else percent,
    )


def stream_intervals(world: World, subject: int) -> dict[str, timedelta]:
    """Those of the streams that have one which is not their connection's."""
    whole = of_connection(world, subject).interval
    streams = world.providers[world.connections[subject].provider].streams
    found = {each.name: stream_interval(world, subject, each.name) for each in streams}
    return {name: own for name, own in found.items() if own is not None and own != whole}


def longest(rules: PolicySet) -> timedelta:
    """How far off the next turn is at most, where a stream has no interval of its own."""
    return max(rules.adaptive_least, rules.adaptive_most) if rules.adaptive else rules.interval


def declared_interval(at: Provider, stream: str) -> timedelta | None:
    """What the provider's file says of a stream's interval."""
    declared = provider.stream(at, stream)
    return declared.interval if declared else None


def _own(world: World, subject: int, name: str) -> Any:
    """What somebody set of that name, the narrowest first; None where nobody did."""
    known = world.connections[subject]
    for each in (subject, known.tenant, known.provider, FLEET) if world.scopes else ():
        scope = world.scopes.get(each)
        if scope is not None and name in scope.values:
            return scope.values[name]
    return None


def _over(world: World, *subjects: int) -> PolicySet:
    """The configuration's settings, and over them what these subjects have, the last one first."""
    return _replaced(world.fleet.policy, _found(world, *subjects))


def _found(world: World, *subjects: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for scope in _scopes(world, *subjects):
        found.update(scope.values)
    return found


def _scopes(world: World, *subjects: int) -> Iterator[Scope]:
    """From the widest to the narrowest."""
    return (world.scopes[each] for each in subjects if each in world.scopes)


def _replaced(policy: PolicySet, found: Mapping[str, Any]) -> PolicySet:
    if not found:
        return policy
    shared = {name: value for name, value in found.items() if name in SHARED}
    return replace(policy, **shared)
