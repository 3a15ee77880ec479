"""How are days of the past asked for, and how far has that come?"""

from datetime import date
from pathlib import Path

import click
import msgspec

from daemon.cli import act, arguments, client, screen, watching
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended, Exit
from daemon.cli.waiting import Past
from daemon.control.account_messages import BackfillWish
from daemon.control.messages import ConnectionAnswer, Done
from events.schema import BackfillEnded
from events.terms import BackfillEnd

BATCH_MAX = 366  # the daemon's own bound


@click.command(
    epilog=examples(
        "rounds backfill acme/oura --from 2025-01-01 --to 2025-12-31",
        "rounds backfill acme/oura --from 2025-01-01 --to 2025-12-31 --batch 7 --wait",
        "rounds cancel acme/oura",
    )
)
@arguments.connection
@click.option(
    "--from", "first", required=True, metavar="DAY", callback=arguments.day, help="The first day."
)
@click.option(
    "--to", "last", required=True, metavar="DAY", callback=arguments.day, help="The last day."
)
@click.option(
    "--batch",
    type=click.IntRange(1, BATCH_MAX),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="How many days a sync fetches.",
)
@arguments.threshold
@click.option("--wait", "waits", is_flag=True, help="Wait for its end; exit 0 only if it is done.")
@as_json
@click.pass_obj
def backfill(
    socket: Path | None,
    *,
    connection: str,
    first: date,
    last: date,
    batch: int,
    threshold: str | None,
    waits: bool,
    as_json: bool,
) -> None:
    """Fetch days of the past for CONNECTION.

    The newest come first, a batch a sync. It goes on through restarts, and through failures that
    pass. What is due goes before it, so that the days of now never wait for those of then.
    `rounds connection show` says how far it is, `rounds cancel` ends it.
    """
    if last < first:
        raise Ended(Exit.USAGE, f"--from {first} lies after --to {last}")
    wish = BackfillWish(
        connection=connection, first=first, last=last, batch=batch, threshold=threshold
    )
    daemon = client.reach(socket)
    if not waits:
        act.done(daemon.post("backfill", wish), connection, as_json=as_json)
        return
    before = client.read(daemon.get("connection", connection=connection), ConnectionAnswer).seq
    done = client.read(daemon.post("backfill", wish), Done)
    if not done.events:  # it was removed between the two
        raise Ended(Exit.NOT_FOUND, f"there is no connection {connection} any more")
    past = Past(done.events[-1], first, last)
    end = watching.follow(
        daemon,
        connection,
        past,
        before,
        None,
        message=done.message,
        goes_on=(
            f"the backfill goes on; `rounds connection show {connection}` says how far it is, "
            f"`rounds cancel {connection}` ends it"
        ),
        silent=as_json,
        far=past.far,
    )
    if as_json:
        screen.document(msgspec.json.encode(end))
    if not (isinstance(end.event, BackfillEnded) and end.event.how is BackfillEnd.DONE):
        raise click.exceptions.Exit(Exit.FAILED)
