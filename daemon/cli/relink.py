"""How does a connection move to the provider that follows its own?"""

import sys
from pathlib import Path

import click
from msgspec.structs import replace

from daemon.cli import act, arguments, client
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.connection import wants_credential
from daemon.cli.credential import ask, credential_options, given
from daemon.control.messages import ConnectionAnswer
from daemon.control.provider_messages import Providers, ProviderView, RelinkWish

QUESTION = "Credential for {} at its new provider (hidden; empty: it waits for one)"


@click.command(
    epilog=examples(
        "rounds connection relink acme/fitbit",
        "rounds connection relink acme/fitbit --dry-run",
        "rounds connection relink acme/tracker --to google_health --as acme/health",
    )
)
@arguments.connection
@click.option("--to", "provider", metavar="PROVIDER", help="Another provider than the successor.")
@click.option("--as", "name", metavar="NAME", help="How to call the connection there.")
@arguments.settings
@credential_options
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and do nothing.")
@as_json
@click.pass_obj
def relink(
    socket: Path | None,
    *,
    connection: str,
    provider: str | None,
    name: str | None,
    settings: dict[str, str],
    credential_stdin: bool,
    credential_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Move CONNECTION to the provider that follows its own.

    Its history, its counters and its settings go with it, and what was fetched stays to be shown.
    It is called after the new provider then. Consent cannot be moved: the credential is deleted,
    and somebody authorises the connection anew. Where its provider was switched off, its file says
    which one follows.
    """
    secret = given(stdin=credential_stdin, file=credential_file)
    daemon = client.reach(socket)
    wish = RelinkWish(
        connection=connection,
        provider=provider,
        name=name,
        credential=secret,
        settings=settings or None,
        dry_run=dry_run,
    )
    view = _there(daemon, connection, provider)
    asks = view is not None and wants_credential(view) and sys.stdin.isatty()
    if asks and secret is None and not dry_run:
        daemon.post("relink", replace(wish, dry_run=True))  # what is refused, is before one types
        wish = replace(wish, credential=ask(QUESTION.format(connection)) or None)
    act.done(daemon.post("relink", wish), connection, as_json=as_json)


def _there(daemon: Client, connection: str, provider: str | None) -> ProviderView | None:
    """The provider that it moves to, if that is known."""
    answer = daemon.get("connection", connection=connection)
    before = client.read(answer, ConnectionAnswer).connection.provider
    known = {
        each.provider: each for each in client.read(daemon.get("providers"), Providers).providers
    }
    own = known.get(before)
    return known.get(provider or (own.successor if own else None) or "")
