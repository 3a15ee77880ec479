"""Of which subjects does an event change how things stand in the read model?"""

import itertools

from msgspec import Struct, field

from events.envelope import Recorded
from events.policy import PolicySet, SettingsDeclared, SettingsReset, SettingsSet
from events.schema import FLEET, ConnectionAdded, ConnectionRelinked, ProviderDeclared
from events.sources import SourceAdded
from projections import under
from projections.world import World

OF_MANY = (SettingsDeclared, SettingsSet, SettingsReset, PolicySet, ProviderDeclared)
"""What concerns everybody below its subject."""


class Changed(Struct, kw_only=True):
    """The subjects whose rows are to be written anew, in the order in which that came up."""

    connections: dict[int, None] = field(default_factory=dict)
    tenants: dict[int, None] = field(default_factory=dict)
    names: dict[int, None] = field(default_factory=dict)
    sources: dict[int, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.connections or self.tenants or self.names or self.sources)


def everything(world: World) -> Changed:
    return Changed(
        connections=dict.fromkeys(world.connections),
        tenants=dict.fromkeys(world.tenants),
        names=dict.fromkeys([*world.providers, *world.tenants, *world.connections, *world.sources]),
        sources=dict.fromkeys(world.sources),
    )


def since_closed(world: World) -> Changed:
    """What an earlier life may have left as it was, of whom it wrote everything once.

    The vault follows a connection that moved only later, perhaps in this life: see `relinking`.
    """
    moved = (each for each, known in world.connections.items() if known.former)
    return Changed(names=dict.fromkeys(moved))


def take(subjects: dict[int, None], limit: int) -> list[int]:
    """The first of them, which are then there no more."""
    taken = list(itertools.islice(subjects, limit))
    for each in taken:
        del subjects[each]
    return taken


def note(changed: Changed, world: World, recorded: Recorded, since: int = 0) -> None:
    """Add those that an event changes; its own subject's rows were taken after event `since`."""
    subject, event = recorded.subject, recorded.event
    if isinstance(event, OF_MANY):
        _note_below(changed, world, subject)
    elif recorded.seq > since and subject in world.connections:
        changed.connections[subject] = None
    elif subject in world.sources:
        changed.sources[subject] = None
    if isinstance(event, SourceAdded):
        changed.tenants[event.tenant] = None
        changed.names.update(dict.fromkeys([subject, event.tenant]))
    if isinstance(event, ConnectionAdded):
        changed.tenants[event.tenant] = None
        changed.names.update(dict.fromkeys([subject, event.tenant, event.provider]))
    elif isinstance(event, ConnectionRelinked):
        # What it is called changes once this is durable: after its rows may have been taken.
        changed.names.update(dict.fromkeys([subject, event.provider]))


def _note_below(changed: Changed, world: World, subject: int) -> None:
    """Who was removed is not among them: nothing that is said above concerns them any more."""
    if subject in world.connections:
        changed.connections[subject] = None
    elif subject == FLEET:
        changed.connections.update(dict.fromkeys(world.connections))
        changed.tenants.update(dict.fromkeys(world.tenants))
        changed.sources.update(dict.fromkeys(world.sources))
    else:
        changed.connections.update(dict.fromkeys(under.connections(world.under, subject)))
        if subject in world.tenants:
            changed.tenants[subject] = None
            changed.sources.update(dict.fromkeys(world.tenants[subject].sources))
