"""Which connections are there, and how does one come and go?"""

import sys
from datetime import datetime
from pathlib import Path

import click

from daemon.cli import act, arguments, client, rows, screen, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.credential import credential_options, given, prompted
from daemon.cli.ending import Ended, Exit
from daemon.control.messages import (
    ConnectionAnswer,
    ConnectionName,
    Connections,
    ConnectionView,
    NewConnection,
    Providers,
)


@click.group()
def connection() -> None:
    """List, show, add and remove connections."""


@connection.command(
    "list",
    epilog=examples(
        "rounds connection list",
        "rounds connection list --json | jq -r '.connections[].connection'",
    ),
)
@as_json
@click.pass_obj
def list_(socket: Path | None, as_json: bool) -> None:
    """List all connections."""
    daemon = client.reach(socket)
    answer = daemon.get("connections")
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, Connections).connections
    if found:
        screen.show(rows.connections(found, daemon.now()))
        rows.say_failures(found)
    else:
        screen.line("there are no connections yet; `rounds connection add` adds one")


@connection.command(epilog=examples("rounds connection show acme/weather"))
@arguments.connection
@as_json
@click.pass_obj
def show(socket: Path | None, connection: str, as_json: bool) -> None:
    """Show everything about CONNECTION."""
    daemon = client.reach(socket)
    answer = daemon.get("connection", connection=connection)
    if as_json:
        screen.document(answer)
        return
    view = client.read(answer, ConnectionAnswer).connection
    now = daemon.now()
    screen.show(screen.pairs(*_facts(view, now)))
    if view.streams:
        screen.line()
        screen.show(_streams(view, now))
    rows.say_failures([view])


@connection.command(
    epilog=examples(
        "rounds connection add acme/weather --interval 6h",
        "rounds connection add acme/orders --credential-file key.txt",
        "pass show orders | rounds connection add acme/orders --credential-stdin",
    )
)
@arguments.connection
@click.option("--provider", metavar="NAME", help="Its provider, if its name does not say it.")
@click.option("--interval", metavar="SPAN", help="How often to sync: 15m, 6h, daily, weekly.")
@credential_options
@as_json
@click.pass_obj
def add(
    socket: Path | None,
    *,
    connection: str,
    provider: str | None,
    interval: str | None,
    credential_stdin: bool,
    credential_file: Path | None,
    as_json: bool,
) -> None:
    """Add CONNECTION, or give the one of that name another interval or credential.

    A credential is asked for, or read from a file or from standard input. It is never an argument:
    those are seen by every user of the host, and kept in the shell's history.
    """
    secret = given(stdin=credential_stdin, file=credential_file)
    daemon = client.reach(socket)
    if secret is None and _wants_credential(daemon, connection, provider):
        secret = prompted(connection)
    wish = NewConnection(
        connection=connection, provider=provider, interval=interval, credential=secret
    )
    act.done(daemon.post("add", wish), connection, as_json=as_json)


@connection.command(epilog=examples("rounds connection remove acme/weather --yes"))
@arguments.connection
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_obj
def remove(socket: Path | None, connection: str, yes: bool, as_json: bool) -> None:
    """Stop syncing CONNECTION, and delete its credential. Its data and history are kept."""
    daemon = client.reach(socket)
    if not yes:
        daemon.get("connection", connection=connection)  # asks only about what is there
        if not sys.stdin.isatty():
            raise Ended(Exit.USAGE, f"add --yes to remove {connection} without being asked")
        if not click.confirm(f"Remove {connection} and its credential?", err=True):
            raise Ended(Exit.FAILED, "nothing was removed")
    answer = daemon.post("remove", ConnectionName(connection=connection))
    act.done(answer, connection, as_json=as_json)


def _wants_credential(daemon: Client, connection: str, provider: str | None) -> bool:
    name = provider or connection.partition("/")[2].partition("/")[0]
    known = client.read(daemon.get("providers"), Providers).providers
    return any(each.provider == name and each.auth != "none" for each in known)


def _facts(view: ConnectionView, now: datetime) -> list[tuple[str, str]]:
    facts = [
        ("connection", view.connection),
        ("provider", view.provider),
        ("state", view.state),
        ("score", "none yet" if view.score is None else f"{view.score} of 100"),
        ("syncs", f"{view.successful:,} of {view.total:,} succeeded"),
        ("last result", rows.last(view, now)),
        ("interval", times.exact(view.interval)),
        ("declared", "in the configuration" if view.declared else "by `rounds connection add`"),
    ]
    if view.average_duration_ms is not None:
        facts.insert(6, ("usual duration", times.milliseconds(view.average_duration_ms)))
    if view.consecutive_failures:
        facts.insert(5, ("failures in a row", f"{view.consecutive_failures:,}"))
    if view.next_start is not None:
        when = f"{rows.start(view, now)} ({times.local(view.next_start)})"
        facts.append(("next start", when))
    if run := view.running:
        far = f"{times.count(run.pages, 'page')}, {times.count(run.records, 'record')}"
        facts.append(("running", f"sync {run.sync} ({run.kind}), {run.stream}: {far}"))
    return facts


def _streams(view: ConnectionView, now: datetime) -> screen.Part:
    table = screen.table("stream", "rows", "version", "captured", right=("rows", "version"))
    for each in view.streams:
        captured = times.relative(each.captured_at, now) if each.captured_at else "never"
        colour = "red" if each.message else ""
        table.add_row(
            each.stream, f"{each.rows:,}", str(each.version or "none"), captured, style=colour
        )
    return table
