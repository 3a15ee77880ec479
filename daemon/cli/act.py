"""What can people make a connection do, at once?"""

from pathlib import Path

import click

from daemon.cli import arguments, client, screen
from daemon.cli.arguments import as_json, examples
from daemon.control.messages import ConnectionName, Done
from daemon.control.policy_messages import RetryWish


@click.command(epilog=examples("rounds pause acme/weather"))
@arguments.connection
@as_json
@click.pass_obj
def pause(socket: Path | None, connection: str, as_json: bool) -> None:
    """Start nothing on CONNECTION until it is resumed. What runs goes on."""
    _wish(socket, "pause", connection, as_json=as_json)


@click.command(epilog=examples("rounds resume acme/weather"))
@arguments.connection
@as_json
@click.pass_obj
def resume(socket: Path | None, connection: str, as_json: bool) -> None:
    """Sync CONNECTION again. What fell due meanwhile runs once."""
    _wish(socket, "resume", connection, as_json=as_json)


@click.command(epilog=examples("rounds cancel acme/weather"))
@arguments.connection
@as_json
@click.pass_obj
def cancel(socket: Path | None, connection: str, as_json: bool) -> None:
    """Cancel what runs on CONNECTION, or was asked for.

    That is the sync that runs, else the one that was requested, else a retry, else a backfill. A
    backfill ends with the sync that fetches for it. What came by then is kept.
    """
    _wish(socket, "cancel", connection, as_json=as_json)


@click.command(epilog=examples("rounds retry acme/weather", "rounds retry acme/weather --force"))
@arguments.connection
@arguments.force
@as_json
@click.pass_obj
def retry(socket: Path | None, connection: str, force: bool, as_json: bool) -> None:
    """Try now what waits for its retry on CONNECTION, or what failed last."""
    answer = client.reach(socket).post("retry", RetryWish(connection=connection, force=force))
    done(answer, connection, as_json=as_json)


def _wish(socket: Path | None, name: str, connection: str, *, as_json: bool) -> None:
    answer = client.reach(socket).post(name, ConnectionName(connection=connection))
    done(answer, connection, as_json=as_json)


def done(answer: bytes, connection: str, *, as_json: bool) -> None:
    """Say what a wish came to."""
    if as_json:
        screen.document(answer)
    else:
        screen.line(f"{connection}: {client.read(answer, Done).message}")
