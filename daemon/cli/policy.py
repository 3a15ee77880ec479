"""Which settings hold, and how does one change them?"""

from datetime import datetime
from pathlib import Path

import click
from msgspec.structs import asdict

from daemon.cli import asof, client, screen, times, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended, Exit
from daemon.cli.lazy import LazyGroup
from daemon.cli.words import by
from daemon.control.messages import Done
from daemon.control.policy_messages import (
    PolicyAnswer,
    PolicyOf,
    PolicyReset,
    PolicySetting,
    PolicyWish,
    Value,
)

PLACES = {
    "show": "daemon.cli.policy:show",
    "set": "daemon.cli.policy:set_",
    "reset": "daemon.cli.policy:reset",
}

SOURCES = {
    "default": ("fleet", "default"),
    "configuration": ("fleet", "configuration"),
    "provider-file": ("provider", "its file"),
    "learnt": ("", "learnt from the interval"),
}

whose = click.argument("whose", required=False, metavar="[TENANT | CONNECTION]")
provider = click.option("--provider", metavar="NAME", help="The settings of a provider instead.")


@click.group(cls=LazyGroup, places=PLACES)
def policy() -> None:
    """Show and change settings: intervals, quiet hours, retries, breakers.

    They are the fleet's, unless a tenant (acme), a connection (acme/weather) or --provider is
    named. What the narrower one says goes before: connection, tenant, provider, fleet.
    """


@click.command(epilog=examples("rounds policy show", "rounds policy show acme/weather --at -7d"))
@whose
@provider
@when.at
@as_json
@click.pass_obj
def show(
    socket: Path | None, *, whose: str | None, provider: str | None, at: str | None, as_json: bool
) -> None:
    """Show the settings that hold, and where each of them comes from.

    With --at, those that held then.
    """
    of = _of(whose, provider)
    answer = client.reach(socket).get("policy", **asdict(of), **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, PolicyAnswer)
    now = found.now
    asof.say(at, found.seq, now)
    table = screen.table("setting", "value", "whose", "from", folds=("value", "from"))
    for each in found.settings:
        own = not each.declared
        table.add_row(
            each.name, _said(each.value), *_source(each, now), style="bold" if own else ""
        )
    screen.show(table)


@click.command(
    name="set",
    epilog=examples(
        "rounds policy set acme quiet_hours_start=23:00 quiet_hours_end=06:00",
        "rounds policy set acme timezone=Europe/Madrid priority_order=oura,strava",
        "rounds policy set acme/finale interval=1h interval.purchase_orders=15m",
        "rounds policy set --provider oura breaker_open=2m breaker_doubling=true",
    ),
)
@click.argument("words", nargs=-1, required=True, metavar="[TENANT | CONNECTION] NAME=VALUE...")
@provider
@as_json
@click.pass_obj
def set_(socket: Path | None, words: tuple[str, ...], provider: str | None, as_json: bool) -> None:
    """Set settings. They hold at once, and until they are reset."""
    whose, pairs = _split(words)
    settings: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Ended(Exit.USAGE, f"{pair!r} is not NAME=VALUE")
        if name in settings:
            raise Ended(Exit.USAGE, f"{name} is given twice")
        settings[name] = value
    of = _of(whose, provider)
    wish = PolicyWish(**asdict(of), settings=settings)
    _done(client.reach(socket).post("policy-set", wish), of, as_json=as_json)


@click.command(
    epilog=examples("rounds policy reset acme quiet_hours_start", "rounds policy reset acme --all")
)
@click.argument("words", nargs=-1, metavar="[TENANT | CONNECTION] NAME...")
@click.option("--all", "whole", is_flag=True, help="Take back all that was set by command there.")
@provider
@as_json
@click.pass_obj
def reset(
    socket: Path | None,
    *,
    words: tuple[str, ...],
    whole: bool,
    provider: str | None,
    as_json: bool,
) -> None:
    """Take settings back: what the configuration or a wider one says holds again."""
    whose = words[0] if words and not _is_setting(words[0]) else None
    names = list(words[1:] if whose else words)
    if whole == bool(names):
        raise Ended(Exit.USAGE, "name the settings to take back, or take --all")
    of = _of(whose, provider)
    wish = PolicyReset(**asdict(of), names=names)
    _done(client.reach(socket).post("policy-reset", wish), of, as_json=as_json)


def _is_setting(word: str) -> bool:
    """Whether it names a setting, from which a tenant of that name could not be told."""
    from events.policy import OF_STREAMS, Settings

    return word in Settings.__struct_fields__ or word.startswith(tuple(OF_STREAMS))


def _split(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Whose, if somebody is named, and the rest."""
    return (None, words) if "=" in words[0] else (words[0], words[1:])


def _of(whose: str | None, provider: str | None) -> PolicyOf:
    if whose is not None and provider is not None:
        raise Ended(Exit.USAGE, "name a tenant, a connection or --provider, not two of them")
    if provider is not None:
        return PolicyOf(provider=provider)
    if whose is None or whose == "fleet":
        return PolicyOf()
    return PolicyOf(connection=whose) if "/" in whose else PolicyOf(tenant=whose)


def _done(answer: bytes, of: PolicyOf, *, as_json: bool) -> None:
    if as_json:
        screen.document(answer)
        return
    name = of.connection or of.tenant or of.provider or "fleet"
    screen.line(f"{name}: {client.read(answer, Done).message}")


def _said(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return ",".join(value) or "-"
        case dict():
            return ",".join(f"{name}={each}" for name, each in value.items())
        case _:
            return str(value)


def _source(setting: PolicySetting, now: datetime) -> tuple[str, str]:
    """Whose setting it is, and who said so, when."""
    if setting.source in SOURCES:
        return SOURCES[setting.source]
    if setting.declared:
        return setting.source, "configuration"
    at = f", {times.clock(setting.at, now)}" if setting.at else ""
    return setting.source, f"{by(setting.by).strip()}{at}"
