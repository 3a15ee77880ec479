"""Who has the say in a setting, and which event says so?"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from events.policy import INTERVAL_OF, PolicySet
from events.schema import FLEET
from events.terms import StreamPolicy
from projections import policy, provider
from projections.provider import Provider
from projections.settings import Scope
from projections.world import World

CONFIGURATION = "configuration"
PROVIDER_FILE = "provider-file"
DEFAULT = "default"


class Source(Struct, frozen=True, kw_only=True):
    """The value that holds, and whose it is: connection, tenant, provider or fleet.

    What the whole configuration or a provider's file says is theirs (`CONFIGURATION`,
    `PROVIDER_FILE`), and nobody's what such a file need not say, as it holds anyway (`DEFAULT`).
    `event` is the number of the event that says so, 0 where the connection's own events do;
    `commanded` tells what was set by command. `ended` is the number of the event that ended last
    what went before it, 0 where nothing did.
    """

    name: str
    value: Any
    whose: str
    event: int = 0
    commanded: bool = False
    ended: int = 0


def of(world: World, word: str, subject: int, name: str) -> Source | None:
    """Which value holds for the subject; None where none does: not every setting has a default."""
    ended = 0
    for each, layer in layers(world, word, subject):
        scope = world.scopes.get(layer, Scope())
        ended = max(ended, scope.ended.get(name, 0))
        if name in scope.values:
            since = scope.since.get(name)
            return Source(
                name=name,
                value=scope.values[name],
                whose=each,
                event=scope.declared_in if since is None else since,
                commanded=since is not None,
                ended=ended,
            )
        known = world.connections.get(layer)
        if name == "interval" and known is not None and known.interval is not None:
            return Source(name=name, value=known.interval, whose=each, ended=ended)
    found = _declared(world, subject, name)
    return replace(found, ended=ended) if found else None


def layers(world: World, word: str, subject: int) -> Iterator[tuple[str, int]]:
    """Who has a say there, the one that goes first first. `word` says what the subject is."""
    known = world.connections.get(subject)
    if known is not None:
        yield "connection", subject
        yield "tenant", known.tenant
        yield "provider", known.provider
    elif word != "fleet":
        yield word, subject
    yield "fleet", FLEET


def of_stream(world: World, at: int, stream: str, name: str) -> Source | None:
    """What a provider's file says of one of its streams, or what holds as it does not."""
    known = world.providers[at]
    declared = provider.stream(known, stream)
    if declared is None:
        return None
    value: Any = declared
    usual: Any = StreamPolicy(name=stream)
    for part in name.split("."):  # in a table of the stream's own
        value, usual = getattr(value, part), getattr(usual, part)
    whose = DEFAULT if value == usual else PROVIDER_FILE
    return Source(name=f"{stream}.{name}", value=value, whose=whose, event=known.declared_in)


def said_by(found: Source, event: int) -> Source:
    """The same, once it is known which event says so."""
    return replace(found, event=event)


def word(world: World, subject: int) -> str:
    """What the subject is."""
    for there, found in (
        ("connection", world.connections),
        ("provider", world.providers),
        ("tenant", world.tenants),
    ):
        if subject in found:
            return there
    return "fleet"


def provider_of(world: World, subject: int) -> Provider | None:
    """The one provider that a connection or a provider speaks of."""
    known = world.connections.get(subject)
    return world.providers.get(known.provider if known else subject)


def _declared(world: World, subject: int, name: str) -> Source | None:
    """What files say of all that nobody spoke of."""
    if name.startswith(INTERVAL_OF):
        at = provider_of(world, subject)
        value = policy.declared_interval(at, name.removeprefix(INTERVAL_OF)) if at else None
        if at is None or value is None:
            return None
        return Source(name=name, value=value, whose=PROVIDER_FILE, event=at.declared_in)
    if name not in PolicySet.__struct_fields__:
        return None
    fleet = world.fleet
    value = getattr(fleet.policy, name)
    if value is None:  # the configuration leaves it to what is learnt
        return None
    return Source(name=name, value=value, whose=CONFIGURATION, event=fleet.policy_in)
