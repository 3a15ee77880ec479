"""Which settings hold, where does each come from, and how do people change them?"""

from collections.abc import Collection, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from daemon import commands, duration, policy_file
from daemon.configuration import check_fallback
from daemon.control.act import done, execute
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.control.policy_messages import (
    PolicyAnswer,
    PolicyOf,
    PolicyReset,
    PolicySetting,
    PolicyWish,
)
from daemon.names import NameKind
from daemon.policy_file import PolicyTable, WrongSetting
from events.policy import PolicySet
from events.schema import FLEET, SettingsSet
from events.terms import Caller
from projections import policy
from projections.settings import Scope


class _Place(Struct, frozen=True, kw_only=True):
    """Whose settings: in words, by name, as a subject."""

    word: str
    name: str
    subject: int


async def show(desk: Desk, wish: PolicyOf, by: Caller) -> PolicyAnswer:
    """Every setting that holds there, with its source."""
    place = _place(desk, wish)
    found = [_setting(desk, place, name) for name in _names(place.word)]
    found += [_setting_of_stream(desk, place, each) for each in _own_intervals(desk, place)]
    held = [each for each in found if each is not None]
    return PolicyAnswer(seq=desk.journal.head.seq, name=place.name, settings=held)


async def set_(desk: Desk, wish: PolicyWish, by: Caller) -> Done:
    place = _place(desk, wish)
    _check_role(place, by)
    if not wish.settings:
        raise Refused("invalid", "name a setting and its value, as in: retry_delay=15m")
    try:
        table = policy_file.parse(wish.settings)
    except WrongSetting as wrong:
        raise Refused("invalid", str(wrong)) from None
    if sentence := policy_file.check_place(table, place.word):
        raise Refused("invalid", sentence)
    given = policy_file.settings(_merged(desk, place, table), _finder(desk, place))
    command = commands.SetSettings(subject=place.subject, settings=given, by=by)
    recorded = await execute(desk, command)
    names = ", ".join(sorted(wish.settings))
    return done(desk, recorded, f"{names} set" if recorded else "that is what was set already")


async def reset(desk: Desk, wish: PolicyReset, by: Caller) -> Done:
    place = _place(desk, wish)
    _check_role(place, by)
    names = tuple(wish.names)
    for name in names:
        if name not in PolicyTable.__struct_fields__:
            raise Refused("invalid", f"there is no setting {name}; `rounds policy show` names all")
    command = commands.ResetSettings(subject=place.subject, names=names, by=by)
    recorded = await execute(desk, command)
    words = "taken back; what stands in the configuration, or holds for all, is in force again"
    return done(desk, recorded, words if recorded else "nothing was set by command")


def _place(desk: Desk, wish: PolicyOf) -> _Place:
    given = [each for each in (wish.connection, wish.tenant, wish.provider) if each is not None]
    if len(given) > 1:
        raise Refused("invalid", "name one of connection, tenant and provider")
    if wish.connection is not None:
        subject, _ = desk.find(wish.connection)
        return _Place(word="connection", name=wish.connection, subject=subject)
    world = desk.journal.world
    named: tuple[tuple[NameKind, str | None, Collection[int]], ...] = (
        ("tenant", wish.tenant, world.tenants),
        ("provider", wish.provider, world.providers),
    )
    for word, name, there in named:
        if name is None:
            continue
        found = desk.vault.subject(word, name)
        if found is None or found not in there:
            raise Refused("not-found", f"there is no {word} {name} with any connection")
        return _Place(word=word, name=name, subject=found)
    return _Place(word="fleet", name="fleet", subject=FLEET)


def _check_role(place: _Place, by: Caller) -> None:
    if place.word in {"fleet", "provider"} and by.role == "operator":
        raise Refused("not-allowed", f"settings of a {place.word} hold for all: an admin sets them")


def _merged(desk: Desk, place: _Place, table: PolicyTable) -> PolicyTable:
    """Intervals of single streams are set one by one; those that were set before stay."""
    if table.stream_intervals is None:
        return table
    own = desk.journal.world.scopes.get(place.subject, Scope()).own.stream_intervals or {}
    before = {name: duration.text(each) for name, each in own.items()}
    return replace(table, stream_intervals={**before, **table.stream_intervals})


def _finder(desk: Desk, place: _Place) -> Any:
    def find(other: str) -> int:
        if wrong := check_fallback(place.name, other):
            raise Refused("invalid", f"fallback: {wrong}")
        subject, _ = desk.find(other)
        return subject

    return find


def _names(word: str) -> list[str]:
    """The settings that make sense there, in the order in which they are declared."""
    return [
        name
        for name in PolicyTable.__struct_fields__
        if name != "stream_intervals" and not policy_file.is_misplaced(name, word)
    ]


def _layers(desk: Desk, place: _Place) -> Iterator[tuple[str, int]]:
    """Who has a say there, the one that goes first first."""
    known = desk.journal.world.connections.get(place.subject)
    if place.word == "connection" and known is not None:
        yield "connection", place.subject
        yield "tenant", known.tenant
        yield "provider", known.provider
    elif place.word != "fleet":
        yield place.word, place.subject
    yield "fleet", FLEET


def _setting(desk: Desk, place: _Place, name: str) -> PolicySetting | None:
    world = desk.journal.world
    for word, subject in _layers(desk, place):
        scope = world.scopes.get(subject, Scope())
        if name in scope.values:
            return _told(desk, name, scope, word, scope.values[name])
        known = world.connections.get(subject)
        if name == "interval" and known is not None and known.interval is not None:
            value = policy_file.written(known.interval)
            return PolicySetting(name=name, value=value, source="connection", declared=True)
    if name not in PolicySet.__struct_fields__:
        return None
    value = policy_file.written(getattr(world.fleet.policy, name))
    return PolicySetting(name=name, value=value, source="configuration", declared=True)


def _told(desk: Desk, name: str, scope: Scope, word: str, value: Any) -> PolicySetting:
    written = desk.vault.name(value) if name == "fallback" else policy_file.written(value)
    seq = scope.since.get(name)
    recorded = desk.journal.log.read(seq - 1, limit=1) if seq is not None else []
    event = recorded[0].event if recorded else None
    return PolicySetting(
        name=name,
        value=written,
        source=word,
        declared=seq is None,
        by=event.by if isinstance(event, SettingsSet) else None,
        at=recorded[0].at if recorded else None,
        event=seq,
    )


def _own_intervals(desk: Desk, place: _Place) -> list[str]:
    known = desk.journal.world.connections.get(place.subject)
    provider = desk.journal.world.providers.get(known.provider if known else place.subject)
    return [each.name for each in provider.streams] if provider else []


def _setting_of_stream(desk: Desk, place: _Place, stream: str) -> PolicySetting | None:
    world, name = desk.journal.world, f"{policy_file.INTERVAL_OF}{stream}"
    for word, subject in _layers(desk, place):
        scope = world.scopes.get(subject, Scope())
        own = scope.values.get("stream_intervals", {})
        if stream in own:
            told = _told(desk, "stream_intervals", scope, word, own[stream])
            return PolicySetting(
                name=name,
                value=told.value,
                source=word,
                declared=told.declared,
                by=told.by,
                at=told.at,
                event=told.event,
            )
    known = world.connections.get(place.subject)
    at = world.providers.get(known.provider if known else place.subject)
    declared = policy.declared_interval(at, stream) if at else None
    if declared is None:
        return None
    value = policy_file.written(declared)
    return PolicySetting(name=name, value=value, source="provider", declared=True)
