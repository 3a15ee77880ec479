"""Why is a connection as it is, and why did a sync of it go as it went?"""

from collections.abc import Iterator
from pathlib import Path

import click
from msgspec.structs import replace

from daemon.cli import arguments, asof, client, explain_words, screen, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.because_words import Line
from daemon.cli.ending import Ended, Exit
from daemon.control.explain_messages import Explanation


@click.command(
    epilog=examples(
        "rounds explain acme/weather",
        "rounds explain acme/weather --score",
        "rounds explain acme/weather --sync 1190",
        "rounds explain acme/weather --at '2026-11-20 14:00'",
    )
)
@arguments.connection
@when.at
@click.option(
    "--sync", type=click.IntRange(1), metavar="N", help="One sync: the event that started it."
)
@click.option("--score", is_flag=True, help="The score alone, term by term, with each failure.")
@as_json
@click.pass_obj
def explain(
    socket: Path | None,
    *,
    connection: str,
    at: str | None,
    sync: int | None,
    score: bool,
    as_json: bool,
) -> None:
    """Say why CONNECTION is as it is.

    Its score, its streams, its next sync and what moved or holds it, its last success, failure,
    refusal and rollback: each with the number of the event that it comes from (`rounds log show N`
    shows it whole), and with the settings that had a say.
    """
    if sync is not None and score:
        raise Ended(Exit.USAGE, "--sync and --score are two questions: ask one of them")
    daemon = client.reach(socket)
    answer = daemon.get("explain", connection=connection, sync=sync, **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, Explanation)
    lines = list(_sync(found) if found.sync else _score(found) if score else _all(found))
    head = explain_words.head(found)
    asof.say(at, found.seq, found.now)
    screen.line(head.text, head.style or None)
    screen.line()
    screen.show(_table(lines))
    if found.sync is None and (number := explain_words.last_sync(found.last)):
        more = f" --at {found.seq}" if at is not None else ""
        screen.line()
        screen.line(f"its last sync: rounds explain {connection} --sync {number}{more}")


def _all(of: Explanation) -> Iterator[Line]:
    yield from _score(of, each=False)
    yield from explain_words.streams(of.streams, of.now)
    if of.start:
        yield from explain_words.start(of.start, of.now, of.connection)
    yield from explain_words.others("account", of.account, of.now)
    told = [each.event for stream in of.streams for each in stream.because]
    last = [replace(each, settings=[]) if each.event in told else each for each in of.last]
    yield from explain_words.others("last", last, of.now)


def _score(of: Explanation, *, each: bool = True) -> Iterator[Line]:
    if of.score:
        yield from explain_words.score(of.score, of.now, each=each)


def _sync(of: Explanation) -> Iterator[Line]:
    if of.sync:
        yield from explain_words.sync(of.sync, of.now)


def _table(lines: list[Line]) -> screen.Part:
    table = screen.table("", "because", "at", "event", right=("event",), folds=("because",))
    for each in lines:
        cells = (each.topic, each.text, each.at, each.event)
        table.add_row(*map(screen.printable, cells), style=each.style)
    return table
