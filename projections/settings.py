"""Which settings has one subject of its own, and since which event?"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from events.envelope import Recorded
from events.policy import OF_STREAMS, Settings, SettingsDeclared, SettingsReset, SettingsSet

NOTHING = Settings()


class Scope(Struct, frozen=True, kw_only=True):
    """What was `declared` of a subject, what was `own` by command, and `values`: both in one.

    `since` has the number of the event that set each of its own. It and `values` are by name, as
    people write them: what a stream has of its own is a setting like any other, `interval.orders`.
    `declared_in` is the number of the event that said what was declared, and `ended` has that of
    the event that took back what was there of that name, or declared it no more.
    """

    own: Settings = NOTHING
    declared: Settings = NOTHING
    since: Mapping[str, int] = {}
    values: Mapping[str, Any] = {}
    declared_in: int = 0
    ended: Mapping[str, int] = {}


def evolve(scope: Scope, recorded: Recorded) -> Scope:
    match recorded.event:
        case SettingsDeclared(settings=declared):
            gone = named(scope.declared).keys() - named(declared).keys()
            ended = {**scope.ended, **dict.fromkeys(sorted(gone), recorded.seq)}
            after = replace(scope, declared=declared, declared_in=recorded.seq, ended=ended)
            return valued(after)
        case SettingsSet(settings=settings):
            given = named(settings)
            own = joined({**named(scope.own), **given})
            since = {**scope.since, **dict.fromkeys(given, recorded.seq)}
            return valued(replace(scope, own=own, since=since))
        case SettingsReset(names=names):
            own = joined(_without(named(scope.own), names))
            since = _without(scope.since, names)
            ended = {**scope.ended, **dict.fromkeys(names, recorded.seq)}
            return valued(replace(scope, own=own, since=since, ended=ended))
        case _:
            return scope


def named(settings: Settings) -> dict[str, Any]:
    """Those that are set, by name, what each stream has of its own too."""
    found = {name: value for name, value in asdict(settings).items() if value is not None}
    for prefix, field in OF_STREAMS.items():
        for stream, value in found.pop(field, {}).items():
            found[f"{prefix}{stream}"] = value
    return found


def joined(found: Mapping[str, Any]) -> Settings:
    """The reverse of `named`."""
    rest = dict(found)
    own: dict[str, Any] = {
        field: {
            name.removeprefix(prefix): rest.pop(name) for name in found if name.startswith(prefix)
        }
        for prefix, field in OF_STREAMS.items()
    }
    rest |= {field: each or None for field, each in own.items()}
    return Settings(**rest)


def _without(found: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names}


def valued(scope: Scope) -> Scope:
    """The same, with the `values` that follow from the rest of it."""
    return replace(scope, values={**named(scope.declared), **named(scope.own)})
