"""Which arguments and options do many commands share?"""

import re
from datetime import date, timedelta

import click
import msgspec

from daemon.cli import client
from daemon.cli.ending import Ended, Exit
from daemon.control.messages import Connections
from daemon.control.provider_messages import Providers
from daemon.duration import Duration, duration

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def examples(*lines: str) -> str:
    """The end of a command's help: lines to type, kept as they are."""
    return "\n".join(
        ["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)]
    )


def known(ctx: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """The connections that the typed text may mean, for the shell to complete."""
    try:
        found = client.reach(ctx.find_root().params.get("socket")).get("connections")
        names = [each.connection for each in client.read(found, Connections).connections]
    except Ended:
        return []
    return [name for name in names if name.startswith(typed)]


def _known_providers(ctx: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """The providers that the typed text may mean, for the shell to complete."""
    try:
        found = client.reach(ctx.find_root().params.get("socket")).get("providers")
        names = [each.provider for each in client.read(found, Providers).providers]
    except Ended:
        return []
    return [name for name in names if name.startswith(typed)]


connection = click.argument("connection", shell_complete=known)

optional_connection = click.argument("connection", required=False, shell_complete=known)

provider = click.argument("name", shell_complete=_known_providers)


def _pairs(ctx: click.Context, _: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """What was given as NAME=VALUE, by name."""
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{each!r} is not NAME=VALUE", ctx)
        if name in found:
            raise click.BadParameter(f"{name} is given twice", ctx)
        found[name] = value
    return found


def span(text: str) -> timedelta:
    """A span of time, as the configuration writes them. Raises Ended."""
    try:
        return duration(msgspec.convert(text, Duration))
    except (msgspec.ValidationError, OverflowError):
        raise Ended(Exit.USAGE, f"{text!r} is not a span of time; write 90s, 10m or 2h") from None


def checked_span(ctx: click.Context, _: click.Parameter, given: str | None) -> str | None:
    """A span that is sent as it was typed."""
    del ctx
    if given is not None:
        span(given)
    return given


def day(_: click.Context, __: click.Parameter, given: str) -> date:
    """A day, as YYYY-MM-DD."""
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise Ended(Exit.USAGE, f"{given!r} is not a day; write it as 2026-11-21")


threshold = click.option(
    "--threshold",
    metavar="SPAN",
    callback=checked_span,
    help="Renew a token first that is good for less: 5m, 2h.",
)

settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_pairs,
    help="A setting that the provider needs; may be repeated.",
)

force = click.option("--force", is_flag=True, help="Heed no breaker and no limit.")

connection_option = click.option(
    "--connection", metavar="NAME", shell_complete=known, help="Only what concerns this one."
)
