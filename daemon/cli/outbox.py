"""Which writes wait for their provider, and how does one settle what is in doubt?"""

from datetime import datetime
from pathlib import Path

import click

from daemon.cli import arguments, asof, client, content, outbox_words, screen, times, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.causes import of_call
from daemon.cli.lazy import LazyGroup
from daemon.control.messages import Done
from daemon.control.outbox_messages import WriteAnswer, WriteName, Writes, WritesView, WriteView
from events.terms import FailureClass

PLACES = {
    "list": "daemon.cli.outbox:list_",
    "show": "daemon.cli.outbox:show",
    "retry": "daemon.cli.outbox:retry",
    "delivered": "daemon.cli.outbox:delivered",
    "drop": "daemon.cli.outbox:drop",
}
HELD = {
    "earlier": "the write before it",
    "in-doubt": "somebody must look whether it arrived",
    "key-expired": "its key is too old to repeat it: somebody must look whether it arrived",
    "paused": "paused",
    "not-authorised": "to be authorised",
    "breaker": "breaker",
    "limit": "its tenant's programs have used up their limit",
    "asked-to-wait": "the provider asked to be left alone",
}

NO_KEY = "none: it is not sent again by itself once it may have arrived"
IN_DOUBT = "in-doubt"

number = click.argument("write", type=click.IntRange(1, 2**63 - 1))


@click.group(cls=LazyGroup, places=PLACES)
def outbox() -> None:
    """Show the writes that wait until their provider takes them, and move one by hand.

    What may have arrived, and that its provider would not know again, is in doubt: it is not sent
    again by itself, and holds up what its connection writes after it, until somebody has looked.
    """


@click.command(epilog=examples("rounds outbox list", "rounds outbox list acme/finale"))
@arguments.optional_connection
@when.at
@as_json
@click.pass_obj
def list_(socket: Path | None, connection: str | None, at: str | None, as_json: bool) -> None:
    """Show what waits, in the order in which it leaves.

    With --at, what waited then; the path of what is over by now is no longer known.
    """
    answer = client.reach(socket).get("outbox", connection=connection, **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, Writes)
    asof.say(at, found.seq, found.now)
    if not found.writes:
        screen.line("no write waited then" if at else "no write waits")
        return
    columns = ("write", "connection", "request", "phase", "queued", "attempts", "next", "why")
    table = screen.table(
        *columns, right=("write", "attempts"), folds=("connection", "request", "why")
    )
    for each in found.writes:
        table.add_row(
            str(each.write),
            each.connection,
            each.endpoint if each.path is None else f"{each.method} {each.path}",
            each.phase,
            times.relative(each.queued_at, found.now),
            str(each.attempts),
            _next(each, found.now),
            why(each),
            style="red" if each.phase == IN_DOUBT else "",
        )
    screen.show(table)
    if at is None:
        _settle([each for each in found.writes if each.phase == IN_DOUBT])


@click.command(epilog=examples("rounds outbox show 1204", "rounds outbox show 1204 --output body"))
@number
@content.output
@as_json
@click.pass_obj
def show(socket: Path | None, write: int, output: Path | None, as_json: bool) -> None:
    """Show WRITE, with all that is to be written: its body goes to standard output."""
    content.check(output)
    answer = client.reach(socket).get("outbox-write", write=write)
    found = client.read(answer, WriteAnswer)
    body = content.whole(found.body, found.body_base64)
    if output is not None and found.path is not None:
        content.put(body, output)
    if as_json:
        screen.document(answer)
        return
    of = found.write
    facts = [
        ("write", str(of.write)),
        ("connection", of.connection),
        ("request", f"{of.method} {found.path or '(the data store does not hold it)'}"),
        *((name, value) for name, value in sorted(found.headers.items())),
        ("key", _key(found)),
        ("phase", of.phase),
        ("queued", times.relative(of.queued_at, found.now)),
        ("attempts", str(of.attempts)),
        ("next", _next(of, found.now) or "none as things are"),
        ("why", why(of)),
    ]
    screen.show(screen.pairs(*((name, text) for name, text in facts if text)))
    _settle([of] if of.phase == IN_DOUBT else [])
    if body and output is None:
        screen.line()
        content.put(body, None)


@click.command(epilog=examples("rounds outbox retry 1204"))
@number
@as_json
@click.pass_obj
def retry(socket: Path | None, write: int, as_json: bool) -> None:
    """Send WRITE as soon as it may, also again: it has not arrived, or twice does no harm."""
    _move(socket, "outbox-retry", write, as_json=as_json)


@click.command(epilog=examples("rounds outbox delivered 1204"))
@number
@as_json
@click.pass_obj
def delivered(socket: Path | None, write: int, as_json: bool) -> None:
    """Let WRITE, which is in doubt, count as delivered: it did arrive."""
    _move(socket, "outbox-delivered", write, as_json=as_json)


@click.command(epilog=examples("rounds outbox drop 1204"))
@number
@as_json
@click.pass_obj
def drop(socket: Path | None, write: int, as_json: bool) -> None:
    """Take WRITE back: it is not sent any more, and forgotten."""
    _move(socket, "outbox-drop", write, as_json=as_json)


def summary(of: WritesView) -> str:
    """In one line, for other screens."""
    doubt = f", {of.in_doubt:,} in doubt" if of.in_doubt else ""
    return f"{times.count(of.waiting, 'write')} waiting{doubt}: rounds outbox list"


def why(of: WriteView) -> str:
    """What keeps it, and how it was lost last."""
    lost = of_call(FailureClass(of.cause)) if of.cause else ""
    status = f" ({of.status})" if of.status else ""
    kept = HELD.get(of.held_by, of.held_by) if of.held_by else ""
    return "; ".join(each for each in (kept, lost + status if lost else "") if each)


def _key(found: WriteAnswer) -> str:
    """By which its provider knows it again, if it does."""
    return (found.key or "") if found.write.keyed else NO_KEY


def _settle(doubtful: list[WriteView]) -> None:
    """Say what to do about those that are in doubt."""
    if doubtful:
        screen.line(outbox_words.settle(doubtful[0].write if len(doubtful) == 1 else "NUMBER"))


def _next(of: WriteView, now: datetime) -> str:
    if of.phase == "under-way":
        return "under way"
    if of.due is None:
        return ""
    return "now" if of.due <= now else times.relative(of.due, now)


def _move(socket: Path | None, operation: str, write: int, *, as_json: bool) -> None:
    answer = client.reach(socket).post(operation, WriteName(write=write))
    if as_json:
        screen.document(answer)
    else:
        screen.line(f"write {write}: {client.read(answer, Done).message}")
