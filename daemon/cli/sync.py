"""How is a sync asked for, and how does it end?"""

from datetime import timedelta
from pathlib import Path

import click
import msgspec

from daemon.cli import act, arguments, client, screen, times, words
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.cli.waiting import Pursuit, wait
from daemon.control.messages import (
    ConnectionAnswer,
    ConnectionName,
    Done,
    EventView,
    RunView,
)
from daemon.duration import Duration, duration
from events.schema import SyncSucceeded


@click.command(
    epilog=examples("rounds sync acme/weather", "rounds sync acme/weather --wait --timeout 2m")
)
@arguments.connection
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
def sync(socket: Path | None, connection: str, waits: bool, timeout: str, as_json: bool) -> None:
    """Sync CONNECTION now."""
    wish = ConnectionName(connection=connection)
    if not waits:
        act.done(client.reach(socket).post("sync", wish), connection, as_json=as_json)
        return
    span = _span(timeout)
    daemon = client.reach(socket)
    # The number before the request: the follower must not miss what happens between the two.
    before = client.read(daemon.get("connection", connection=connection), ConnectionAnswer).seq
    done = client.read(daemon.post("sync", wish), Done)
    pursuit = Pursuit(done.events[0] if done.events else None)
    if as_json:
        end = wait(daemon, connection, pursuit, before, span, report=_silent)
        screen.document(msgspec.json.encode(end))
    else:
        end = _watched(daemon, connection, pursuit, before, span, message=done.message)
    if not isinstance(end.event, SyncSucceeded):
        raise click.exceptions.Exit(Exit.FAILED)


def _watched(
    daemon: Client, connection: str, pursuit: Pursuit, before: int, span: timedelta, *, message: str
) -> EventView:
    with screen.working(f"{connection}: {message}") as (say, update):
        if not screen.terminal():
            say(f"{connection}: {message}", None)

        def report(told: EventView | RunView | str | None) -> None:
            match told:
                case EventView():
                    say(f"{connection}: {words.sentence(told)}", words.tone(told.event))
                case RunView():
                    update(f"{connection}: {_progress(told)}")
                case str():
                    update(f"{connection}: {told}")
                case None:
                    pass

        return wait(daemon, connection, pursuit, before, span, report=report)


def _progress(run: RunView) -> str:
    pages, records = times.count(run.pages, "page"), times.count(run.records, "record")
    return f"sync {run.sync} runs, {run.stream or 'it begins'}: {pages}, {records}"


def _silent(_: object) -> None:
    pass


def _span(text: str) -> timedelta:
    try:
        return duration(msgspec.convert(text, Duration))
    except (msgspec.ValidationError, OverflowError):
        raise Ended(Exit.USAGE, f"{text!r} is not a span of time; write 90s, 10m or 2h") from None
