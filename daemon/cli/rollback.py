"""How does one take a connection, or many, back to what was?"""

import sys
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from daemon.cli import arguments, as_of, client, rollback_words, screen, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.cli.screen import Say
from daemon.control.rollback_messages import (
    Preview,
    PreviewWish,
    RollbackAnswer,
    RollbackWish,
    Targets,
)
from events.terms import RollbackScope

NEITHER = "say whereto: --to WHEN, or --undo EVENT"
BOTH = "--to and --undo were both given: leave one of them out"
STATE_WHOLE = "its state goes back as a whole: leave --stream out, or --state"
ONE_OF = "name a connection, or --tenant, --provider or --all"


class Asked(Struct, frozen=True, kw_only=True):
    """What was typed, but for whose."""

    to: str | None
    undo: int | None
    scope: RollbackScope
    streams: list[str]
    dry_run: bool
    limit: int
    wait: bool
    yes: bool
    as_json: bool


@click.command(
    epilog=examples(
        "rounds rollback acme/weather --to 14:00 --dry-run",
        "rounds rollback acme/weather --to v1204 --stream days",
        "rounds rollback acme/weather --undo 1310",
        "rounds rollback acme/weather --to -2h --state",
        "rounds rollback --provider finale --to '2026-11-20 14:00' --wait --yes",
    )
)
@arguments.optional_connection
@click.option(
    "--to",
    metavar="WHEN",
    help=f"As of then: {as_of.HELP}, once what brought that version was over.",
)
@click.option("--undo", type=int, metavar="EVENT", help="Take back the rollback of that event.")
@click.option("--stream", "streams", multiple=True, metavar="NAME", help="This stream alone.")
@click.option(
    "--data/--state",
    "data",
    default=True,
    help="Records and cursors together (default); or how it does: streak, breaker, retry.",
)
@click.option("--tenant", metavar="NAME", help="All connections of that tenant.")
@click.option("--provider", metavar="NAME", help="All connections to that provider.")
@click.option("--all", "all_", is_flag=True, help="All connections.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option(
    "--limit", type=click.IntRange(0, 100), default=0, help="Show so many records with --dry-run."
)
@click.option("--wait", is_flag=True, help="Let a sync that runs come to its end first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_obj
def rollback(
    socket: Path | None,
    *,
    connection: str | None,
    to: str | None,
    undo: int | None,
    streams: tuple[str, ...],
    data: bool,
    tenant: str | None,
    provider: str | None,
    all_: bool,
    dry_run: bool,
    limit: int,
    wait: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take CONNECTION back to what it was.

    Its records and its cursors go back together, as a new version: nothing is lost, and --undo
    takes that back too. Its next sync then fetches what the cursors of then imply. With --state,
    what goes back is its streak, breaker and retry. What it counts, its settings and credentials
    never do.
    """
    daemon = client.reach(socket)
    if (to is None) == (undo is None):
        raise Ended(Exit.USAGE, NEITHER if to is None else BOTH)
    if streams and not data:
        raise Ended(Exit.USAGE, STATE_WHOLE)
    many = [tenant is not None or provider is not None, all_]
    if sum([connection is not None, *many]) != 1:
        raise Ended(Exit.USAGE, ONE_OF)
    if undo is not None and connection is None:
        raise Ended(Exit.USAGE, "name the connection of the rollback that is to be undone")
    asked = Asked(
        to=as_of.sent(daemon, to),
        undo=undo,
        scope=RollbackScope.DATA if data else RollbackScope.STATE,
        streams=list(streams),
        dry_run=dry_run,
        limit=limit,
        wait=wait,
        yes=yes,
        as_json=as_json,
    )
    if connection is not None:
        _one(daemon, connection, asked)
        return
    answer = daemon.get("rollback-targets", to=asked.to, tenant=tenant, provider=provider)
    _many(daemon, client.read(answer, Targets), asked)


def _one(daemon: Client, connection: str, asked: Asked) -> None:
    if asked.dry_run:
        _preview(daemon, connection, asked)
        return
    if not asked.yes:
        if not sys.stdin.isatty():
            raise Ended(Exit.USAGE, f"add --yes to take {connection} back without being asked")
        rollback_words.preview(_previewed(daemon, connection, asked))
        if not click.confirm(f"Take {connection} back?", err=True):
            raise Ended(Exit.FAILED, "nothing was changed")
    with screen.working(f"taking {connection} back"):
        answer = _back(daemon, connection, asked)
    _say(answer, screen.line, as_json=asked.as_json)


def _many(daemon: Client, targets: Targets, asked: Asked) -> None:
    """One after the other, all to the same event; one that is refused stops none of the others."""
    names = targets.connections
    asked = msgspec.structs.replace(asked, to=str(targets.to))
    many = times.count(len(names), "connection")
    if not (asked.yes or asked.dry_run):
        whereto = f"event {targets.to} ({times.local(targets.at)})"
        if not sys.stdin.isatty():
            raise Ended(Exit.USAGE, f"add --yes to take {many} back without being asked")
        if not click.confirm(f"Take {many} back to {whereto}?", err=True):
            raise Ended(Exit.FAILED, "nothing was changed")
    refused: list[str] = []
    with screen.working(many) as (say, progress):
        for count, name in enumerate(names, 1):
            progress(f"{count:,} of {len(names):,}: {name}")
            try:
                if asked.dry_run:
                    _preview(daemon, name, asked)
                else:
                    _say(_back(daemon, name, asked), say, as_json=asked.as_json)
            except Ended as ended:
                if ended.exit is Exit.NOT_RUNNING:
                    raise
                refused.append(ended.message)
    if refused:
        raise Ended(
            Exit.FAILED, f"{len(refused):,} of {many} did not go back: {'; '.join(refused)}"
        )


def _say(answer: bytes, say: Say, *, as_json: bool) -> None:
    if as_json:
        screen.document(answer)
    else:
        rollback_words.done(client.read(answer, RollbackAnswer), say)


def _back(daemon: Client, connection: str, asked: Asked) -> bytes:
    wish = RollbackWish(
        connection=connection,
        to=asked.to,
        undo=asked.undo,
        scope=asked.scope,
        streams=asked.streams,
        wait=asked.wait,
    )
    return daemon.post("rollback", wish, client.PATIENT_S)


def _preview(daemon: Client, connection: str, asked: Asked) -> None:
    found = _previewed(daemon, connection, asked)
    if asked.as_json:
        screen.document(msgspec.json.encode(found))
    else:
        rollback_words.preview(found)


def _previewed(daemon: Client, connection: str, asked: Asked) -> Preview:
    wish = PreviewWish(
        connection=connection,
        to=asked.to,
        undo=asked.undo,
        scope=asked.scope,
        streams=asked.streams,
        examples=asked.limit,
    )
    return client.read(daemon.post("rollback-preview", wish, client.PATIENT_S), Preview)
