"""What differs between two moments?"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import UNSET

from daemon.cli import asof, client, glance_words, screen, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.control.replay_messages import Difference, FieldView, StandingView

SHOWN = 50  # subjects: who has more of them names a connection, or takes --json
PAGE = 5000  # fields asked for at once
KINDS = ("connection", "source", "provider", "tenant", "fleet")
"""In which order they are shown."""


class Moments(click.Command):
    """Takes -2h for a moment, and not for options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spaced = [f" {each}" if re.match("-[0-9]", each) else each for each in args]
        return super().parse_args(ctx, spaced)


@click.command(
    cls=Moments,
    epilog=examples(
        "rounds diff -2h",
        "rounds diff '2026-11-20 14:00' '2026-11-20 15:00' acme/weather",
        "rounds diff 1204 1310 --all",
        "rounds diff -1d --json | jq '.standings[] | {name, changed}'",
    ),
)
@click.argument("words", nargs=-1, required=True, metavar="A [B] [CONNECTION]")
@click.option("--all", "whole", is_flag=True, help="Show every field of the state that differs.")
@as_json
@click.pass_obj
def diff(socket: Path | None, words: tuple[str, ...], whole: bool, as_json: bool) -> None:
    """Show what differs between the moments A and B, or between A and now.

    A moment is a time, -2h, or the number of an event. What people look at comes in words: who came
    and went, conditions, scores, breakers, next syncs, versions and rows, settings. With --json,
    every field too.
    """
    moments = [each.strip() for each in words if "/" not in each]
    named = [each for each in words if "/" in each]
    if not 1 <= len(moments) <= 2 or len(named) > 1:
        raise Ended(Exit.USAGE, "name one moment or two, and at most one connection")
    sent = [asof.sent(each) for each in moments]
    wish: dict[str, str | int | None] = {
        "before": sent[0],
        "after": sent[1] if len(sent) > 1 else None,
        "connection": named[0] if named else None,
    }
    daemon = client.reach(socket)
    found = _read(daemon, wish, PAGE if whole or as_json else 0)
    if whole or as_json:
        found = _completed(daemon, wish, found)
    if as_json:
        screen.document(msgspec.json.encode(found))
        return
    first, second = asof.told(found.before.seq, found.before.now), _after(found)
    screen.line(f"between {first}, and {second}", "cyan")
    screen.line()
    _show_standings(found, whole=whole)
    if whole:
        _show_fields(found.fields)


def _read(
    daemon: Client, wish: dict[str, str | int | None], limit: int, skip: int = 0
) -> Difference:
    return client.read(daemon.get("diff", **wish, limit=limit, skip=skip), Difference)


def _completed(daemon: Client, wish: dict[str, str | int | None], found: Difference) -> Difference:
    """The same with every field, page after page; the second moment stays where it was."""
    wish = {**wish, "before": str(found.before.seq), "after": str(found.after.seq)}
    fields = [*found.fields]
    while len(fields) < found.total:
        page = _read(daemon, wish, PAGE, len(fields)).fields
        if not page:
            break
        fields += page
    return msgspec.structs.replace(found, fields=fields)


def _after(found: Difference) -> str:
    if found.after.seq == found.before.seq:
        return f"the same event, {times.local(found.after.now)}"
    return asof.told(found.after.seq, found.after.now)


def _show_standings(found: Difference, *, whole: bool) -> None:
    if not found.standings:
        what = "but some fields differ; --all shows them" if found.total else "nothing differs"
        screen.line(f"nobody stands otherwise: {what}" if found.total else what)
        return
    ordered = sorted(found.standings, key=_order)
    for each in ordered[:SHOWN]:
        _show_standing(each, found.after.now)
    more = found.differing - min(len(ordered), SHOWN)
    if more > 0:
        screen.line(f"and {more:,} more; name a connection, or take --json")
    if not whole:
        screen.line()
        screen.line(f"{times.count(found.total, 'field')} of the state in all; --all shows each")


def _order(of: StandingView) -> tuple[int, str]:
    return (KINDS.index(of.kind) if of.kind in KINDS else len(KINDS), of.name)


def _show_standing(of: StandingView, now: datetime) -> None:
    name = of.name if of.kind in {"connection", "fleet"} else f"{of.kind} {of.name}"
    said = glance_words.changes(of.changed, of.before, of.after, now)
    colour = "green" if not of.before else "yellow" if not of.after else None
    screen.line(f"{name}: {' · '.join(said)}", colour)


def _show_fields(fields: list[FieldView]) -> None:
    table = screen.table("subject", "field", "before", "after", folds=("field", "before", "after"))
    for each in fields:
        table.add_row(
            screen.printable(each.name),
            screen.printable(each.path),
            _text(each.before),
            _text(each.after),
        )
    screen.line()
    screen.show(table)


def _text(value: Any) -> str:
    """What was not there is nothing, and not null."""
    if value is UNSET:
        return ""
    return screen.printable(
        value if isinstance(value, str) else msgspec.json.encode(value).decode()
    )
