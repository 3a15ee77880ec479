"""How is a sync asked for, and how does it end?"""

from datetime import timedelta
from pathlib import Path

import click
import msgspec

from daemon.cli import act, arguments, client, screen, sync_all, watching
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.cli.waiting import Pursuit
from daemon.control.account_messages import SyncAllWish, SyncWish
from daemon.control.messages import ConnectionAnswer, Done
from events.schema import SyncSucceeded

DAYS_MAX = 366  # the daemon's own bound; further back is a backfill's


@click.command(
    epilog=examples(
        "rounds sync acme/weather",
        "rounds sync acme/weather --wait --timeout 2m",
        "rounds sync acme/oura --days 30",
        "rounds sync acme/oura --failed-days --wait",
        "rounds sync --all --provider weather --wait",
    )
)
@arguments.optional_connection
@click.option("--all", "everything", is_flag=True, help="Sync all connections, and sum them up.")
@click.option("--tenant", metavar="NAME", help="With --all: only this tenant's.")
@click.option("--provider", metavar="NAME", help="With --all: only those at this provider.")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    metavar="N",
    help="Go back so many days, today included, instead of what the provider's file says.",
)
@click.option("--failed-days", is_flag=True, help="Fetch those days alone that failed before.")
@arguments.threshold
@arguments.force
@click.option(
    "--wait", "waits", is_flag=True, help="Wait for its end; exit 0 only if it succeeded."
)
@click.option(
    "--timeout",
    default="10m",
    show_default=True,
    metavar="SPAN",
    help="How long to wait: 90s, 10m.",
)
@as_json
@click.pass_obj
def sync(
    socket: Path | None,
    *,
    connection: str | None,
    everything: bool,
    tenant: str | None,
    provider: str | None,
    days: int | None,
    failed_days: bool,
    threshold: str | None,
    force: bool,
    waits: bool,
    timeout: str,
    as_json: bool,
) -> None:
    """Sync CONNECTION now, or --all. What the options say holds for this sync alone."""
    if everything:
        own = connection or days or failed_days or threshold or force
        if own:
            raise Ended(Exit.USAGE, "--all takes --tenant, --provider, --wait and --timeout alone")
        wanted = SyncAllWish(tenant=tenant, provider=provider)
        sync_all.ask(socket, wanted, waits=waits, span=arguments.span(timeout), as_json=as_json)
        return
    if connection is None or tenant or provider:
        raise Ended(Exit.USAGE, "name a connection, or --all (with --tenant or --provider)")
    if days is not None and failed_days:
        raise Ended(Exit.USAGE, "take one of --days and --failed-days")
    wish = SyncWish(
        connection=connection,
        days=days,
        threshold=threshold,
        failed_days=failed_days,
        force=force,
    )
    if not waits:
        act.done(client.reach(socket).post("sync", wish), connection, as_json=as_json)
        return
    _wait(client.reach(socket), wish, arguments.span(timeout), as_json=as_json)


def _wait(daemon: Client, wish: SyncWish, span: timedelta, *, as_json: bool) -> None:
    """Ask for it and show how it goes; exits 1 where it does not succeed."""
    connection = wish.connection
    # The number before the request: the follower must not miss what happens between the two.
    before = client.read(daemon.get("connection", connection=connection), ConnectionAnswer)
    answer = daemon.post("sync", wish)
    done = client.read(answer, Done)
    owed = any(each.failed_days for each in before.connection.streams)
    if wish.failed_days and not done.events and not owed:
        act.done(answer, connection, as_json=as_json)
        return
    pursuit = Pursuit(done.events[0] if done.events else None)
    end = watching.follow(
        daemon,
        connection,
        pursuit,
        before.seq,
        span,
        message=done.message,
        goes_on=f"the sync goes on; `rounds cancel {connection}` takes it back",
        silent=as_json,
    )
    if as_json:
        screen.document(msgspec.json.encode(end))
    if not isinstance(end.event, SyncSucceeded):
        raise click.exceptions.Exit(Exit.FAILED)
