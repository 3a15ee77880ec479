"""How is the vault looked after?"""

from pathlib import Path

import click

from daemon.cli import client, screen
from daemon.cli.arguments import as_json, examples
from daemon.control.messages import Done, Nothing


@click.group()
def vault() -> None:
    """Look after the vault, where credentials lie sealed."""


@vault.command(epilog=examples("rounds vault rotate"))
@as_json
@click.pass_obj
def rotate(socket: Path | None, as_json: bool) -> None:
    """Seal every secret under a new master key, and drop the old one.

    Back up the new key afterwards. The old one still opens older backups of the vault.
    """
    answer = client.reach(socket).post("vault-rotate", Nothing())
    if as_json:
        screen.document(answer)
    else:
        screen.line(client.read(answer, Done).message)
