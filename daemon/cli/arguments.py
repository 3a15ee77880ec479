"""Which arguments and options do many commands share?"""

import click

from daemon.cli import client
from daemon.cli.ending import Ended
from daemon.control.messages import Connections

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


connection = click.argument("connection", shell_complete=_known)

connection_option = click.option(
    "--connection", metavar="NAME", shell_complete=_known, help="Only what concerns this one."
)
