"""How does a connection look in a table?"""

from collections.abc import Sequence
from datetime import datetime

from daemon.cli import held_words, screen, times
from daemon.cli.account_words import need
from daemon.control.messages import ConnectionView
from events.terms import NeedReason


def connections(found: Sequence[ConnectionView], now: datetime) -> screen.Part:
    """A table with one row for each connection; what holds some back, where anything does."""
    kept = any(held(each, now) for each in found)
    table = screen.table(
        "connection",
        "state",
        "score",
        "last result",
        "rows",
        "next start",
        *(["held back by"] if kept else []),
        right=("score", "rows"),
        folds=("connection", "last result", "held back by"),
    )
    for each in found:
        table.add_row(
            each.connection,
            each.state,
            "" if each.score is None else str(each.score),
            last(each, now),
            f"{sum(stream.rows for stream in each.streams):,}",
            start(each, now),
            *([held(each, now)] if kept else []),
            style=_colour(each),
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


def held(connection: ConnectionView, now: datetime) -> str:
    """What keeps it from starting, where its state does not say so."""
    by = connection.held_by
    if by in held_words.SAID_BY_STATE:
        return ""
    return held_words.short(by, connection.held_until, now)


def _colour(connection: ConnectionView) -> str:
    if connection.state == "unauthorised":
        return "yellow"
    return "red" if connection.last == "failed" else ""


def say_troubles(found: Sequence[ConnectionView]) -> None:
    """Why some wait for a person, and the sentences of those whose last sync failed."""
    waiting = [(each.connection, why) for each in found if (why := waits(each))]
    lost = [(each.connection, sentence) for each in found if (sentence := failure(each))]
    if waiting:
        screen.line()
        screen.line("to be authorised, with `rounds connection authorize NAME`:", "yellow")
        screen.show(screen.pairs(*waiting, colour="yellow"))
    if lost:
        screen.line()
        screen.show(screen.pairs(*lost, colour="red"))


def waits(connection: ConnectionView) -> str | None:
    """Why a person must authorise it, if one must."""
    grant = connection.grant
    if grant is None or grant.phase != "needed" or connection.state == "running":
        return None
    return need(grant.reason or NeedReason.NEW, grant.error)


def failure(connection: ConnectionView) -> str | None:
    if waits(connection):
        return None  # its last failure says the same
    if connection.last == "failed":
        return connection.message
    streams = [f"{each.stream}: {each.message}" for each in connection.streams if each.message]
    return "; ".join(streams) or None
