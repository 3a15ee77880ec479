"""What follows when somebody sets, takes back or declares settings of one subject?"""

from daemon.commands import DeclareSettings, ResetSettings, SetSettings
from daemon.decide.decisions import Decisions
from events.policy import SettingsDeclared, SettingsReset, SettingsSet
from events.schema import FLEET
from projections import settings
from projections.settings import Scope
from projections.world import World


def set_(command: SetSettings, world: World) -> Decisions:
    """Note what differs from what was set before; nothing where nothing does."""
    before, given = settings.named(_scope(world, command.subject).own), command.settings
    new = {
        name: value for name, value in settings.named(given).items() if before.get(name) != value
    }
    if not new or not _is_known(world, command.subject):
        return []
    return [(command.subject, SettingsSet(settings=settings.joined(new), by=command.by))]


def reset(command: ResetSettings, world: World) -> Decisions:
    """Take back what was set by command: these, or all where none are named."""
    own = settings.named(_scope(world, command.subject).own)
    names = tuple(name for name in own if not command.names or name in command.names)
    if not names:
        return []
    return [(command.subject, SettingsReset(names=names, by=command.by))]


def declare(command: DeclareSettings, world: World) -> Decisions:
    if _scope(world, command.subject).declared == command.settings:
        return []
    return [(command.subject, SettingsDeclared(settings=command.settings))]


def _is_known(world: World, subject: int) -> bool:
    places = (world.connections, world.tenants, world.providers)
    return subject == FLEET or any(subject in place for place in places)


def _scope(world: World, subject: int) -> Scope:
    return world.scopes.get(subject, Scope())
