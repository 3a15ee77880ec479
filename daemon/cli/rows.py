"""How does a connection look in a table?"""

from collections.abc import Sequence
from datetime import datetime

from daemon.cli import screen, times
from daemon.control.messages import ConnectionView


def connections(found: Sequence[ConnectionView], now: datetime) -> screen.Part:
    """A table with one row for each connection."""
    table = screen.table(
        "connection",
        "state",
        "score",
        "last result",
        "rows",
        "next start",
        right=("score", "rows"),
        folds=("connection",),
    )
    for each in found:
        failed = each.last == "failed"
        table.add_row(
            each.connection,
            each.state,
            "" if each.score is None else str(each.score),
            last(each, now),
            f"{sum(stream.rows for stream in each.streams):,}",
            start(each, now),
            style="red" if failed else "",
        )
    return table


def last(connection: ConnectionView, now: datetime) -> str:
    """How the last sync ended, and when."""
    if connection.last is None:
        return "none yet"
    at = {"succeeded": connection.last_success, "failed": connection.last_failure}.get(
        connection.last
    )
    return f"{connection.last} {times.relative(at, now)}" if at else connection.last


def start(connection: ConnectionView, now: datetime) -> str:
    if connection.next_start is None:
        return ""
    return "due" if connection.next_start <= now else times.relative(connection.next_start, now)


def urgency(connection: ConnectionView) -> tuple[bool, bool, str]:
    """What needs a look comes first."""
    fine = connection.consecutive_failures == 0
    return (fine, connection.running is None, connection.connection)


def say_failures(found: Sequence[ConnectionView]) -> None:
    """The sentences of those whose last sync failed, whole or in part."""
    lost = [(each.connection, sentence) for each in found if (sentence := failure(each))]
    if lost:
        screen.line()
        screen.show(screen.pairs(*lost, colour="red"))


def failure(connection: ConnectionView) -> str | None:
    if connection.last == "failed":
        return connection.message
    streams = [f"{each.stream}: {each.message}" for each in connection.streams if each.message]
    return "; ".join(streams) or None
