"""Which arguments and options do many commands share?"""

import click

from daemon.cli import client
from daemon.cli.ending import Ended
from daemon.control.messages import Connections, Providers

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def examples(*lines: str) -> str:
    """The end of a command's help: lines to type, kept as they are."""
    return "\n".join(
        ["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)]
    )


def _known(ctx: click.Context, _: click.Parameter, typed: str) -> list[str]:
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


connection = click.argument("connection", shell_complete=_known)

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


settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_pairs,
    help="A setting that the provider needs; may be repeated.",
)

connection_option = click.option(
    "--connection", metavar="NAME", shell_complete=_known, help="Only what concerns this one."
)
