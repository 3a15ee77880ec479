"""In which few facts does somebody see how a connection, a provider, a tenant or the fleet stands?

| of whom     | facts                                                                            |
|-------------|----------------------------------------------------------------------------------|
| connection  | state, condition, score, streak (failures in a row), breaker, next_start,        |
|             | held_by, held_until, grant, provider, backfill_days, writes, declared            |
| its streams | streams.NAME.version, .rows, .failures (in a row), .days_owed, .held             |
| provider    | breaker, connections, retired                                                    |
| tenant      | connections                                                                      |
| fleet       | connections, running, succeeded, failed                                          |
| all         | settings.NAME: what was set or declared there                                    |

What does not apply is left out; somebody who is not there has no facts at all.
"""

from datetime import datetime
from typing import Any, TypeAlias

from msgspec import Struct

from daemon.decide import condition, hindrance
from events.schema import FLEET
from projections import breaker, health
from projections.connection import Connection
from projections.settings import Scope
from projections.world import World

Facts: TypeAlias = dict[str, Any]


class Turn(Struct, frozen=True, kw_only=True):
    """A fact that has become another; None where it does not apply."""

    fact: str
    before: Any
    after: Any


def of(world: World, subject: int, now: datetime) -> Facts:
    """How a subject stands; nothing where it is not known, or was removed."""
    found: Facts = {}
    if subject == FLEET:
        fleet = world.fleet
        found = {
            "connections": fleet.connections,
            "running": len(fleet.running),
            "succeeded": fleet.succeeded,
            "failed": fleet.failed,
        }
    elif subject in world.providers:
        provider = world.providers[subject]
        found = {
            "breaker": breaker.phase(provider.breaker, now),
            "connections": provider.connections,
            "retired": provider.retirement.found_at is not None,
        }
    elif subject in world.tenants:
        found = {"connections": world.tenants[subject].connections}
    elif subject in world.connections:
        if world.connections[subject].removed:
            return {}
        found = _connection(world, subject, now)
    for name, value in world.scopes.get(subject, Scope()).values.items():
        found[f"settings.{name}"] = value
    return {name: value for name, value in found.items() if value is not None}


def turns(before: Facts, after: Facts) -> list[Turn]:
    """What has become something else, in the order of the facts."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        Turn(fact=name, before=before.get(name), after=after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _connection(world: World, subject: int, now: datetime) -> Facts:
    known = world.connections[subject]
    start, held = hindrance.outlook(world, subject, now)
    left = known.backfill
    return {
        "state": _state(known),
        "condition": condition.of_connection(known, world.providers.get(known.provider), now),
        "score": health.score(known.health, now),
        "streak": known.health.consecutive_failures,
        "breaker": breaker.phase(known.breaker, now),
        "next_start": start,
        "held_by": held.why if held else None,
        "held_until": held.until if held else None,
        "grant": known.grant.phase,
        "provider": known.provider,
        "backfill_days": (left.last - left.first).days + 1 if left else None,
        "writes": len(world.outboxes.get(subject, ())),
        "declared": known.declared,
        **_streams(known),
    }


def _state(known: Connection) -> str:
    """What people did to it goes before what it does by itself."""
    return "paused" if known.paused else "running" if known.run else "idle"


def _streams(known: Connection) -> Facts:
    found: Facts = {}
    for name, each in known.streams.items():
        found[f"streams.{name}.version"] = each.version
        found[f"streams.{name}.rows"] = each.rows
        found[f"streams.{name}.failures"] = each.failures
        found[f"streams.{name}.days_owed"] = len(each.failed_days)
        found[f"streams.{name}.held"] = each.held.version if each.held else None
    return found
