"""What happened, event by event, and what did each of them change?"""

import sys
from contextlib import closing
from pathlib import Path

import click

from daemon.cli import arguments, asof, client, glance_words, screen, times, words
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.control.messages import Status
from daemon.control.replay_messages import ReplayStep

SEPARATOR = " · "
INDENT = 8  # what is below an event's number
ELSEWHERE = "`rounds log verify`, where the log lies, proves that nobody changed it"


@click.command(
    epilog=examples(
        "rounds replay --from -2h",
        "rounds replay acme/weather --from '2026-11-20 14:00' --to '2026-11-20 15:00'",
        "rounds replay acme/weather --from 1204 --step",
        "rounds replay --from 1 --json | jq -c 'select(.changed | length > 0)'",
    )
)
@arguments.optional_connection
@click.option(
    "--from",
    "begin",
    metavar="WHEN",
    required=True,
    help="Begin there: a time, -2h, or the number of the first event.",
)
@click.option("--to", "end", metavar="WHEN", help="End there; without it, with the last event.")
@click.option("--step", is_flag=True, help="Wait for Enter after each event.")
@as_json
@click.pass_obj
def replay(
    socket: Path | None,
    *,
    connection: str | None,
    begin: str,
    end: str | None,
    step: bool,
    as_json: bool,
) -> None:
    """Tell the story of the fleet, or of CONNECTION, event by event.

    Below each event stands what it changed in whoever it concerns: condition, score, breaker, next
    sync, versions and rows of streams, settings. With CONNECTION, what changed that one: also what
    befell its provider. With --json, one event a line, with all facts before and after it.
    """
    if step and (as_json or not (screen.terminal() and sys.stdin.isatty())):
        raise Ended(Exit.USAGE, "--step waits for Enter: it needs a terminal, and no --json")
    daemon = client.reach(socket)
    wish = {"from": asof.sent(begin), "to": asof.sent(end) if end else None}
    first, last, count, width = 0, 0, 0, 0
    for answer in daemon.follow("replay", _again, **wish, connection=connection):
        told = client.read(answer, ReplayStep)
        if told.event is None:
            _close(daemon, (first, told.seq), count, as_json=as_json)
            return
        if told.seq <= last:
            continue  # the one that it was asked again from
        first, last, count = first or told.seq, told.seq, count + 1
        if as_json:
            screen.document(answer)
            continue
        width = max(width, len(told.event.name))
        _show(told, width)
        if step and not _goes_on():
            screen.line(
                f"{times.count(count, 'event')}; left before the end, so it was not checked "
                "whether they are as they were written",
                "bright_black",
            )
            return


def _again(last: int) -> dict[str, str | int | None]:
    """From the last one that came: the one after it may not be there yet."""
    return {"from": str(last)}


def _show(told: ReplayStep, width: int) -> None:
    assert told.event is not None, "the last step alone has none"
    screen.line(words.line(told.event, width), words.tone(told.event.event))
    said = glance_words.changes(told.changed, told.before, told.after, told.event.at)
    if said:
        screen.line(" " * INDENT + SEPARATOR.join(said), "cyan")


def _goes_on() -> bool:
    """Whether somebody pressed Enter, and not q or Ctrl-D."""
    sys.stderr.write("Enter: the next one; q: the end ")
    sys.stderr.flush()
    typed = sys.stdin.readline()
    return bool(typed) and not typed.strip().lower().startswith("q")


def _close(daemon: Client, told: tuple[int, int], count: int, *, as_json: bool) -> None:
    """How much that was, and whether it is what was written. Raises Ended."""
    if not count:
        if not as_json:
            screen.line("nothing happened in between")
        return
    path = Path(client.read(daemon.get("status"), Status).state) / "log"
    checked = _is_chained(path, *told)
    if as_json:
        if not checked:
            screen.note(f"it was not checked whether that is what was written; {ELSEWHERE}")
        return
    screen.line()
    first, last = told
    said = f"the log's blocks from event {first} to {last} are as they were written"
    screen.line(f"{times.count(count, 'event')}; {said if checked else ELSEWHERE}", "bright_black")


def _is_chained(path: Path, first: int, last: int) -> bool:
    """Check the blocks from one event to another; False where that cannot be. Raises Ended."""
    from events.reading import LogUnusable, open_for_reading
    from events.verify import Broken, before, blocks

    try:
        with (
            closing(open_for_reading(path)) as connection,
            closing(blocks(connection, after=before(connection, first))) as found,
        ):
            for end, _, _ in found:
                if end >= last:
                    break
    except Broken as broken:
        raise Ended(
            Exit.FAILED,
            f"the log is damaged between events {first} and {last}: {broken}; see: rounds log "
            "verify",
        ) from None
    except (LogUnusable, OSError):
        return False
    return True
