"""Which settings has one subject of its own, and since which event?"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.policy import Settings, SettingsDeclared, SettingsReset, SettingsSet

NOTHING = Settings()


class Scope(Struct, frozen=True, kw_only=True):
    """What was `declared` of a subject, what was `own` by command, and `values`: both in one.

    `since` has the number of the event that set each of its own.
    """

    own: Settings = NOTHING
    declared: Settings = NOTHING
    since: Mapping[str, int] = {}
    values: Mapping[str, Any] = {}


Scopes = Mapping[int, Scope]


def evolve(scope: Scope, recorded: Recorded) -> Scope:
    match recorded.event:
        case SettingsDeclared(settings=declared):
            return _valued(replace(scope, declared=declared))
        case SettingsSet(settings=settings):
            given = values(settings)
            since = {**scope.since, **dict.fromkeys(given, recorded.seq)}
            return _valued(replace(scope, own=replace(scope.own, **given), since=since))
        case SettingsReset(names=names):
            own = replace(scope.own, **dict.fromkeys(names))
            since = {name: seq for name, seq in scope.since.items() if name not in names}
            return _valued(replace(scope, own=own, since=since))
        case _:
            return scope


def values(settings: Settings) -> dict[str, Any]:
    """Those that are set, by name."""
    pairs = ((name, getattr(settings, name)) for name in Settings.__struct_fields__)
    return {name: value for name, value in pairs if value is not None}


def _valued(scope: Scope) -> Scope:
    return replace(scope, values={**values(scope.declared), **values(scope.own)})
