"""How is something that goes on shown to a person, until it ends?"""

from collections.abc import Callable
from datetime import timedelta

from daemon.cli import held_words, screen, times, words
from daemon.cli.client import Client
from daemon.cli.waiting import Followed, wait
from daemon.control.messages import ConnectionAnswer, EventView, RunView


def follow(
    daemon: Client,
    connection: str,
    followed: Followed,
    after: int,
    span: timedelta | None,
    *,
    message: str,
    goes_on: str,
    silent: bool,
    far: Callable[[], str] = str,
) -> EventView:
    """Show each event in words, and between them how far a sync has come; return the last one.

    What keeps it from going on is said once, in a line of its own.

    `silent` shows nothing: programs want the end alone. `far` says how far the whole is, and
    `goes_on` what is left behind where somebody no longer waits. Raises Ended when `span` is over.
    """
    try:
        if silent:
            return wait(daemon, connection, followed, after, span, report=_silent)
        with screen.working(f"{connection}: {message}") as (say, update):
            if not screen.terminal():
                say(f"{connection}: {message}", None)

            waited = ""

            def report(told: EventView | ConnectionAnswer | str | None) -> None:
                nonlocal waited
                match told:
                    case EventView():
                        say(f"{connection}: {words.sentence(told)}", words.tone(told.event))
                        update(f"{connection}: {far() or message}")
                    case ConnectionAnswer():
                        waits = _waits(told)
                        if waits not in {waited, ""}:
                            say(f"{connection}: {waits}", "yellow")
                        waited = waits or waited
                        parts = [
                            each
                            for each in (far(), waits or _progress(told.connection.running))
                            if each
                        ]
                        if parts:
                            update(f"{connection}: {'; '.join(parts)}")
                    case str():
                        update(f"{connection}: {told}")
                    case None:
                        pass

            return wait(daemon, connection, followed, after, span, report=report)
    except KeyboardInterrupt:
        screen.note(goes_on)
        raise


def _waits(told: ConnectionAnswer) -> str:
    """What keeps the sync from starting, or its calls from leaving; empty where nothing does."""
    by, until = told.connection.held_by, told.connection.held_until
    return held_words.sentence(by, until, told.now) if by else ""


def _progress(run: RunView | None) -> str:
    if run is None:
        return ""
    pages, records = times.count(run.pages or 0, "page"), times.count(run.records or 0, "record")
    return f"sync {run.sync} runs, {run.stream or 'it begins'}: {pages}, {records}"


def _silent(_: object) -> None:
    pass
