"""Which connections are there, and how does one come and go?"""

import sys
from pathlib import Path

import click

from daemon.cli import act, arguments, asof, client, rows, screen, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.credential import credential_options, given, prompted
from daemon.cli.ending import Ended, Exit
from daemon.cli.lazy import LazyGroup
from daemon.control.messages import (
    ConnectionAnswer,
    ConnectionName,
    Connections,
    NewConnection,
)
from daemon.control.provider_messages import Providers, ProviderView

PLACES = {
    "list": "daemon.cli.connection:list_",
    "show": "daemon.cli.connection:show",
    "add": "daemon.cli.connection:add",
    "authorize": "daemon.cli.authorize:authorize",
    "relink": "daemon.cli.relink:relink",
    "remove": "daemon.cli.connection:remove",
}


@click.group(cls=LazyGroup, places=PLACES)
def connection() -> None:
    """List, show, add, authorise, move and remove connections."""


@click.command(
    epilog=examples(
        "rounds connection list",
        "rounds connection list --json | jq -r '.connections[].connection'",
        "rounds connection list --at 14:00",
    ),
)
@when.at
@as_json
@click.pass_obj
def list_(socket: Path | None, at: str | None, as_json: bool) -> None:
    """List all connections.

    With --at, those that there were then, by the names that they have now.
    """
    answer = client.reach(socket).get("connections", **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    told = client.read(answer, Connections)
    asof.say(at, told.seq, told.now)
    if told.connections:
        screen.show(rows.connections(told.connections, told.now))
        rows.say_troubles(told.connections)
    elif at is not None:
        screen.line("there were no connections then")
    else:
        screen.line("there are no connections yet; `rounds connection add` adds one")


@click.command(
    epilog=examples(
        "rounds connection show acme/weather", "rounds connection show acme/weather --at 1204"
    )
)
@arguments.connection
@when.at
@as_json
@click.pass_obj
def show(socket: Path | None, connection: str, at: str | None, as_json: bool) -> None:
    """Show everything about CONNECTION.

    With --at, as it was then, also where it has been removed since.
    """
    answer = client.reach(socket).get("connection", connection=connection, **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, ConnectionAnswer)
    view, now = found.connection, found.now
    asof.say(at, found.seq, now)
    from daemon.cli import connection_facts

    screen.show(screen.pairs(*connection_facts.facts(view, now)))
    if view.streams:
        screen.line()
        screen.show(connection_facts.streams(view.streams, now))
    if not rows.waits(view):  # else the facts have said so
        rows.say_troubles([view])


@click.command(
    epilog=examples(
        "rounds connection add acme/weather --interval 6h",
        "rounds connection add acme/orders --credential-file key.txt",
        "pass show orders | rounds connection add acme/orders --credential-stdin",
        "rounds connection add acme/dexcom --set host=api.dexcom.eu",
        "rounds connection add acme/oura --authorize",
    )
)
@arguments.connection
@click.option("--provider", metavar="NAME", help="Its provider, if its name does not say it.")
@click.option("--interval", metavar="SPAN", help="How often to sync: 15m, 6h, daily, weekly.")
@arguments.settings
@credential_options
@click.option("--authorize", "goes_on", is_flag=True, help="Go on to authorise it at once.")
@as_json
@click.pass_obj
def add(
    socket: Path | None,
    *,
    connection: str,
    provider: str | None,
    interval: str | None,
    settings: dict[str, str],
    credential_stdin: bool,
    credential_file: Path | None,
    goes_on: bool,
    as_json: bool,
) -> None:
    """Add CONNECTION, or change the one of that name.

    What is changed is what is given: interval, settings, credential. `rounds provider show` says
    which settings a provider needs.

    A credential is asked for, or read from a file or from standard input. It is never an argument:
    those are seen by every user of the host, and kept in the shell's history.
    """
    secret = given(stdin=credential_stdin, file=credential_file)
    daemon = client.reach(socket)
    view = _provider(daemon, connection, provider)
    if goes_on and view is not None and not _is_authorised_by_a_person(view):
        raise Ended(
            Exit.USAGE, f"{view.provider} is not authorised by a person: --authorize has no use"
        )
    if secret is None and view is not None and wants_credential(view):
        secret = prompted(connection)
    wish = NewConnection(
        connection=connection,
        provider=provider,
        interval=interval,
        credential=secret,
        settings=settings or None,
    )
    act.done(daemon.post("add", wish), connection, as_json=as_json)
    if goes_on:
        from daemon.cli import authorize

        authorize.run(daemon, connection, authorize.How(), as_json=as_json)


@click.command(epilog=examples("rounds connection remove acme/weather --yes"))
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


def _provider(daemon: Client, connection: str, provider: str | None) -> ProviderView | None:
    name = provider or connection.partition("/")[2].partition("/")[0]
    known = client.read(daemon.get("providers"), Providers).providers
    return next((each for each in known if each.provider == name), None)


def _is_authorised_by_a_person(view: ProviderView) -> bool:
    return view.oauth is not None and view.oauth.grant == "authorization_code"


def wants_credential(view: ProviderView) -> bool:
    """Whether a connection has a secret of its own that somebody can type."""
    if view.oauth is not None:
        return not _is_authorised_by_a_person(view) and not view.client
    return view.auth != "none"
