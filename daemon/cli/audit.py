"""Who was told of whom?"""

from pathlib import Path

import click
import msgspec

from daemon.cli import access_words, asof, client, screen, times, words
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.cli.lazy import LazyGroup
from daemon.control.audit_messages import READS_MAX, ReadView, TenantReads
from events.terms import Caller

WIDE = 100  # columns of a terminal: with fewer, what was asked goes before when that ended
PLACES = {"reads": "daemon.cli.audit:reads"}


@click.group(cls=LazyGroup, places=PLACES)
def audit() -> None:
    """Show who was told of a tenant.

    What somebody asks within a minute is one event a tenant, or one where the answers spoke of all.
    """


@click.command(
    epilog=examples(
        "rounds audit reads --tenant acme",
        "rounds audit reads --tenant acme --since 2026-11-20",
        "rounds audit reads --json | jq -r .uid",
    )
)
@click.option("--tenant", metavar="NAME", help="Of this tenant alone, and of all together.")
@click.option(
    "--since",
    default="-24h",
    show_default=True,
    metavar="WHEN",
    help="From then on: '2026-11-20 14:00', 14:00, -2h, or the number of an event.",
)
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most."
)
@as_json
@click.pass_obj
def reads(
    socket: Path | None, *, tenant: str | None, since: str, limit: int, as_json: bool
) -> None:
    """Show who asked for what of a tenant, or of everybody, the oldest first.

    With --json, one read a line. What was asked within the last minute is not noted yet.
    """
    found = _read(client.reach(socket), tenant, asof.sent(since), limit)
    if as_json:
        for each in found:
            screen.document(msgspec.json.encode(each))
        return
    if not found:
        screen.line(f"nobody read anything since {since}, up to a minute ago")
        return
    screen.show(_table(found))


def _table(found: list[ReadView]) -> screen.Part:
    wide = screen.width() >= WIDE
    table = screen.table(
        *("event", "from", *(["to"] if wide else []), "who", "role", "of", "asked"),
        right=("event",),
        folds=("of", "asked"),
    )
    for each in found:
        table.add_row(
            str(each.event),
            times.local(each.since),
            *([times.local(each.at)] if wide else []),
            words.by(Caller(uid=each.uid, role=each.role)).removeprefix(" by "),
            each.role,
            "all" if each.tenants is None else access_words.several(each.tenants),
            _asked(each),
        )
    return table


def _asked(read: ReadView) -> str:
    if read.failure is not None:
        return f"what a provider said, {access_words.of(read.failure)}"
    return access_words.asked(read.operations)


def _read(daemon: Client, tenant: str | None, since: str, limit: int) -> list[ReadView]:
    """Page after page, until there are enough."""
    found: list[ReadView] = []
    where: dict[str, str | int | None] = {"since": since}
    while len(found) < limit:
        wanted = min(limit - len(found), READS_MAX)
        answer = daemon.get("audit-reads", tenant=tenant, limit=wanted, **where)
        page = client.read(answer, TenantReads)
        found += page.reads
        if page.after is None:
            return found
        if page.after == where.get("after"):
            raise Ended(Exit.FAILED, "the daemon does not go on; restart roundsd")
        where = {"after": page.after}
    return found
