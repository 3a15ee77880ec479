"""Which answers were doubted, why, and how does one settle what is held?"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from daemon.cli import act, arguments, client, screen, times, waiting
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended
from daemon.cli.lazy import LazyGroup
from daemon.control.messages import ConnectionAnswer, EventView
from daemon.control.quarantine_messages import (
    DoubtAnswer,
    Doubts,
    DoubtView,
    HeldName,
    HeldView,
)
from events.schema import SyncCancelled, SyncFailed, SyncInterrupted, SyncSucceeded
from events.terms import Guard
from events.versions import QuarantineAccepted, RestoreAbandoned, RolledBack

PLACES = {
    "list": "daemon.cli.quarantine:list_",
    "show": "daemon.cli.quarantine:show",
    "accept": "daemon.cli.quarantine:accept",
    "drop": "daemon.cli.quarantine:drop",
}
KEPT = {"held": "held back", "refused": "refused"}
GUARDS = {
    Guard.EMPTY: "empty",
    Guard.SHRUNK: "shrunk",
    Guard.SCHEMA: "its fields",
    Guard.DUPLICATES: "repeated keys",
    Guard.STALE: "stale",
    Guard.INCOMPLETE: "incomplete",
}
OBSTACLES = {
    "syncing": "once its sync has ended",
    "restoring": "once what is under way there has ended",
}
SUPERSEDED = "no more: another version is in force ({in_force}); drop it"
LOST = "no: the data store does not hold it; drop it"
CELL_MAX = 60  # characters of one value

stream = click.argument("stream")
waits = click.option(
    "--wait", "waits", is_flag=True, help="Where its connection syncs, wait for the end of that."
)
timeout = click.option(
    "--timeout", default="10m", show_default=True, metavar="SPAN", help="How long to wait."
)


@click.group(cls=LazyGroup, places=PLACES)
def quarantine() -> None:
    """Show answers that were doubted, and settle what is held of them.

    What is held changes nothing: the last good data stays in force until somebody accepts it.
    """


@click.command(
    epilog=examples("rounds data quarantine list", "rounds data quarantine list acme/finale")
)
@arguments.optional_connection
@as_json
@click.pass_obj
def list_(socket: Path | None, connection: str | None, as_json: bool) -> None:
    """Show all streams whose last answer was doubted, or of which one is held."""
    answer = client.reach(socket).get("quarantine", connection=connection)
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, Doubts)
    if not found.doubts:
        screen.line("nothing is held, and no stream's last answer was doubted")
        return
    columns = ("connection", "stream", "answer", "doubted", "when", "rows in force", "why")
    table = screen.table(*columns, right=("rows in force",), folds=("connection", "stream", "why"))
    for each in found.doubts:
        table.add_row(
            each.connection,
            each.stream,
            KEPT[each.kept],
            GUARDS[Guard(each.guard)],
            times.relative(each.at, found.now) if each.at else "",
            f"{each.rows:,}",
            each.message,
            style="red" if each.kept == "held" else "yellow",
        )
    screen.show(table)
    held = [each for each in found.doubts if each.kept == "held"]
    if held:
        of = f"{held[0].connection} {held[0].stream}" if len(held) == 1 else "CONNECTION STREAM"
        screen.line(f"look: rounds data quarantine show {of}; then {_settled(held)}")


@click.command(epilog=examples("rounds data quarantine show acme/finale stock"))
@arguments.connection
@stream
@as_json
@click.pass_obj
def show(socket: Path | None, connection: str, stream: str, as_json: bool) -> None:
    """Show why CONNECTION's STREAM is doubted, and what taking it over would change."""
    answer = client.reach(socket).get("quarantine-version", connection=connection, stream=stream)
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, DoubtAnswer)
    of = found.doubt
    facts = [
        ("answer", f"{KEPT[of.kept]}, version {of.version}"),
        ("doubted", f"{GUARDS[Guard(of.guard)]}: {of.message}"),
        *([("came", times.relative(of.at, found.now))] if of.at else []),
        *_fields(found),
        ("in force", f"{times.count(of.rows, 'row')} ({found.in_force})"),
        *(_held(found.held) if found.held and not _is_late(of) else []),
        *_next(found),
    ]
    screen.show(screen.pairs(*facts))
    if found.held and not _is_late(of):
        _examples("would be added", found.held.added_examples)
        _examples("would be removed", found.held.removed_examples)
        _changes(found.held)


@click.command(epilog=examples("rounds data quarantine accept acme/finale stock"))
@arguments.connection
@stream
@waits
@timeout
@as_json
@click.pass_obj
def accept(
    socket: Path | None, *, connection: str, stream: str, waits: bool, timeout: str, as_json: bool
) -> None:
    """Take over what is held of CONNECTION's STREAM: it is in force then, as a new version.

    What was in force before stays as an older version, and can be gone back to.
    """
    span = arguments.span(timeout) if waits else None
    _settle(socket, "quarantine-accept", connection, stream, span, as_json=as_json)


@click.command(epilog=examples("rounds data quarantine drop acme/finale stock"))
@arguments.connection
@stream
@waits
@timeout
@as_json
@click.pass_obj
def drop(
    socket: Path | None, *, connection: str, stream: str, waits: bool, timeout: str, as_json: bool
) -> None:
    """Give up what is held of CONNECTION's STREAM: what is in force stays."""
    span = arguments.span(timeout) if waits else None
    _settle(socket, "quarantine-drop", connection, stream, span, as_json=as_json)


class Free:
    """Which of a connection's events say that what was under way there is over?"""

    def concerns(self, view: EventView) -> bool:
        return self.ends(view)

    def ends(self, view: EventView) -> bool:
        over = SyncSucceeded | SyncFailed | SyncInterrupted
        other = QuarantineAccepted | RestoreAbandoned | RolledBack
        stopped = isinstance(view.event, SyncCancelled) and view.event.sync is not None
        return stopped or isinstance(view.event, over | other)


def _settle(
    socket: Path | None,
    operation: str,
    connection: str,
    stream: str,
    span: timedelta | None,
    *,
    as_json: bool,
) -> None:
    """Ask for it; with a span, again each time that what was in its way is over."""
    daemon = client.reach(socket)
    wish = HeldName(connection=connection, stream=stream)
    while True:
        seq = _position(daemon, connection) if span else 0
        try:
            answer = daemon.post(operation, wish, client.PATIENT_S)
        except Ended as ended:
            if span is None or ended.code != "busy":
                raise
            waiting.wait(daemon, connection, Free(), seq, span, report=lambda _: None)
            continue
        act.done(answer, connection, as_json=as_json)
        return


def _position(daemon: Client, connection: str) -> int:
    """How far the log has come: what ends later is told to who follows from here."""
    return client.read(daemon.get("connection", connection=connection), ConnectionAnswer).seq


def _fields(found: DoubtAnswer) -> list[tuple[str, str]]:
    facts = []
    if found.gone:
        facts.append(("fields gone", ", ".join(map(screen.printable, found.gone))))
    for name, (was, now) in found.retyped.items():
        facts.append(("field changed", f"{screen.printable(name)}: {was} before, {now} now"))
    return facts


def _held(held: HeldView) -> list[tuple[str, str]]:
    numbers = ((held.added, "added"), (held.changed, "changed"), (held.removed, "removed"))
    words = ", ".join(f"{number:,} {word}" for number, word in numbers if number)
    left = f"{words or 'nothing differs'}; {times.count(held.rows, 'row')} then"
    days = [("days", times.spans(held.days))] if held.days else []
    return [("if accepted", left), *days]


def _is_late(of: DoubtView) -> bool:
    """Whether it can only be dropped."""
    return of.obstacle == "superseded"


def _settled(held: list[DoubtView]) -> str:
    """What can be done about what is held."""
    late = sum(map(_is_late, held))
    if late == len(held):
        return "drop it: another version is in force than what it was compared with"
    some = f" ({late:,} of {len(held):,} can only be dropped)" if late else ""
    return f"accept it, or drop it{some}"


def _next(found: DoubtAnswer) -> list[tuple[str, str]]:
    """What there is to type."""
    of, held = found.doubt, found.held
    name = f"{of.connection} {of.stream}"
    drop = f"rounds data quarantine drop {name}"
    if of.kept != "held":
        return [("type", f"rounds sync {of.connection} --wait, once its provider is well again")]
    if held is None or _is_late(of):
        why = SUPERSEDED.format(in_force=found.in_force) if _is_late(of) else LOST
        return [("can be accepted", why), ("type", drop)]
    facts = [("can be accepted", OBSTACLES[of.obstacle])] if of.obstacle else []
    return [*facts, ("type", f"rounds data quarantine accept {name}, or {drop}")]


def _examples(title: str, records: Sequence[dict[str, Any]]) -> None:
    if not records:
        return
    screen.line()
    screen.line(f"{title}, for example:")
    for record in records:
        screen.line(f"  {_text(record)}")


def _changes(held: HeldView) -> None:
    if not held.changed_examples:
        return
    screen.line()
    screen.line("would be changed, for example:")
    for each in held.changed_examples:
        names = [*dict.fromkeys([*each.before, *each.after])]
        differ = {
            name: f"{_cell(each.before.get(name))} -> {_cell(each.after.get(name))}"
            for name in names
            if each.before.get(name) != each.after.get(name)
        }
        same = {name: each.after[name] for name in names if name not in differ}
        screen.line(f"  {_text(dict([*same.items()][:2]))}: {_joined(differ)}")


def _text(record: dict[str, Any]) -> str:
    return _joined({name: _cell(value) for name, value in record.items()})


def _joined(cells: dict[str, str]) -> str:
    return ", ".join(f"{screen.printable(name)} {cell}" for name, cell in cells.items())


def _cell(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = screen.printable(text)
    return text if len(text) <= CELL_MAX else f"{text[:CELL_MAX]}…"
