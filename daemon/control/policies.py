"""Which settings hold, where does each come from, and how do people change them?"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from daemon import commands, configuration, policy_file
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
from daemon.control.whose import enrolled
from daemon.decide import thresholds
from daemon.policy_file import PolicyTable, WrongSetting
from events.policy import OF_STREAMS
from events.schema import FLEET, SettingsReset, SettingsSet
from events.terms import Caller
from projections import source
from projections.settings import Scope
from projections.source import Source

DEFAULT = configuration.policy(configuration.Settings())


class _Place(Struct, frozen=True, kw_only=True):
    """Whose settings: in words, by name, as a subject."""

    word: str
    name: str
    subject: int


async def show(desk: Desk, wish: PolicyOf, by: Caller) -> PolicyAnswer:
    """Every setting that holds there, with its source."""
    place = _place(desk, wish)
    names = [name for name in policy_file.NAMES if not policy_file.is_misplaced(name, place.word)]
    names += [f"{prefix}{each}" for prefix in OF_STREAMS for each in _streams(desk, place)]
    found = (_setting(desk, place, name) for name in names)
    held = [each for each in found if each is not None]
    seq, now = desk.journal.world.seq, desk.journal.clock.now()
    return PolicyAnswer(seq=seq, now=now, name=place.name, settings=held)


async def set_(desk: Desk, wish: PolicyWish, by: Caller) -> Done:
    place = _place(desk, wish)
    _check_role(place, by)
    if not wish.settings:
        raise Refused("invalid", "name a setting and its value, as in: retry_delay=15m")
    _check_streams(desk, place, wish.settings)
    try:
        table = policy_file.parse(wish.settings)
    except WrongSetting as wrong:
        raise Refused("invalid", str(wrong)) from None
    if sentence := policy_file.check_place(table, place.word):
        raise Refused("invalid", sentence)
    _check_order(desk, table)
    given = policy_file.settings(table, _finder(desk, place))
    command = commands.SetSettings(subject=place.subject, settings=given, by=by)
    recorded = await execute(desk, command)
    names = ", ".join(sorted(wish.settings))
    return done(desk, recorded, f"{names} set" if recorded else "that is what was set already")


async def reset(desk: Desk, wish: PolicyReset, by: Caller) -> Done:
    place = _place(desk, wish)
    _check_role(place, by)
    for name in wish.names:
        if name not in policy_file.NAMES and not policy_file.of_stream(name):
            raise Refused("invalid", f"there is no setting {name}; `rounds policy show` names all")
    command = commands.ResetSettings(subject=place.subject, names=tuple(wish.names), by=by)
    recorded = await execute(desk, command)
    taken = [name for each in recorded for name in _taken_back(each.event)]
    words = f"{', '.join(taken)} taken back" if taken else "nothing of it was set by command"
    return done(desk, recorded, words)


def _taken_back(event: object) -> tuple[str, ...]:
    return event.names if isinstance(event, SettingsReset) else ()


def _place(desk: Desk, wish: PolicyOf) -> _Place:
    given = [each for each in (wish.connection, wish.tenant, wish.provider) if each is not None]
    if len(given) > 1:
        raise Refused("invalid", "name one of connection, tenant and provider")
    if wish.connection is not None:
        subject, _ = desk.find(wish.connection)
        return _Place(word="connection", name=wish.connection, subject=subject)
    if wish.tenant is not None:
        found = enrolled(desk, "tenant", wish.tenant)
        return _Place(word="tenant", name=wish.tenant, subject=found)
    if wish.provider is not None:
        found = enrolled(desk, "provider", wish.provider)
        return _Place(word="provider", name=wish.provider, subject=found)
    return _Place(word="fleet", name="fleet", subject=FLEET)


def _check_role(place: _Place, by: Caller) -> None:
    if place.word in {"fleet", "provider"} and by.role == "operator":
        raise Refused("not-allowed", f"settings of a {place.word} hold for all: an admin sets them")


def _check_streams(desk: Desk, place: _Place, names: Iterable[str]) -> None:
    """A stream that nobody has would have its interval for ever, and for nothing."""
    own = source.provider_of(desk.journal.world, place.subject)
    providers = [own] if own else desk.journal.world.providers.values()
    known = {each.name for provider in providers for each in provider.streams}
    for name in names:
        stream = name.removeprefix(policy_file.of_stream(name) or "")
        if name != stream and stream not in known:
            there = ", ".join(sorted(known)) or "none"
            raise Refused("invalid", f"{name}: there is no stream {stream} (there are: {there})")


def _check_order(desk: Desk, table: PolicyTable) -> None:
    known = {each.name for each in desk.journal.world.providers.values()} | {
        each.file.name for each in desk.providers.values()
    }
    for name in table.priority_order or ():
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise Refused(
                "invalid", f"priority_order: there is no provider {name} (there are: {there})"
            )


def _finder(desk: Desk, place: _Place) -> Callable[[str], int]:
    def find(other: str) -> int:
        if wrong := configuration.check_fallback(place.name, other):
            raise Refused("invalid", f"fallback: {wrong}")
        subject, _ = desk.find(other)
        return subject

    return find


def _streams(desk: Desk, place: _Place) -> list[str]:
    """Those that may have settings of their own there: its provider's, and any that is set."""
    world = desk.journal.world
    provider = source.provider_of(world, place.subject)
    names = [each.name for each in provider.streams] if provider else []
    for _, subject in source.layers(world, place.word, place.subject) if provider is None else ():
        found = world.scopes.get(subject, Scope()).values
        names += [
            each.removeprefix(prefix)
            for prefix in OF_STREAMS
            for each in found
            if each.startswith(prefix)
        ]
    return list(dict.fromkeys(names))


def _setting(desk: Desk, place: _Place, name: str) -> PolicySetting | None:
    """What holds there; None where nothing does: not every setting has a value of its own."""
    found = source.of(desk.journal.world, place.word, place.subject, name)
    if found is None and name in thresholds.LEARNT_FROM:
        return _learnt(desk, place, name)
    return None if found is None else told(desk, found)


def _learnt(desk: Desk, place: _Place, name: str) -> PolicySetting:
    """What holds where nobody says anything, by the interval in force there."""
    interval = source.of(desk.journal.world, place.word, place.subject, "interval")
    assert interval is not None, "the configuration always says one"
    value = policy_file.written(thresholds.learnt(name, interval.value))
    return PolicySetting(name=name, value=value, source=thresholds.LEARNT)


def told(desk: Desk, found: Source) -> PolicySetting:
    """A setting as people write it, and who said so."""
    whose, recorded = found.whose, None
    if whose == source.CONFIGURATION and found.value == getattr(DEFAULT, found.name):
        whose = source.DEFAULT
    if found.commanded:
        recorded = next(iter(desk.journal.log.read(found.event - 1, limit=1)), None)
    event = recorded.event if recorded else None
    other = found.name == "fallback"
    return PolicySetting(
        name=found.name,
        value=desk.vault.name(found.value) if other else policy_file.written(found.value),
        source=whose,
        declared=not found.commanded,
        by=event.by if isinstance(event, SettingsSet) else None,
        at=recorded.at if recorded else None,
        event=found.event or None,
        ended=found.ended or None,
    )
