"""How is something that goes on shown to a person, until it ends?"""

from collections.abc import Callable
from datetime import timedelta

from daemon.cli import screen, times, words
from daemon.cli.client import Client
from daemon.cli.waiting import Followed, wait
from daemon.control.messages import EventView, RunView


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

    `silent` shows nothing: programs want the end alone. `far` says how far the whole is, and
    `goes_on` what is left behind where somebody no longer waits. Raises Ended when `span` is over.
    """
    try:
        if silent:
            return wait(daemon, connection, followed, after, span, report=_silent)
        with screen.working(f"{connection}: {message}") as (say, update):
            if not screen.terminal():
                say(f"{connection}: {message}", None)

            def report(told: EventView | RunView | str | None) -> None:
                match told:
                    case EventView():
                        say(f"{connection}: {words.sentence(told)}", words.tone(told.event))
                        update(f"{connection}: {far() or message}")
                    case RunView():
                        whole = far()
                        update(f"{connection}: {f'{whole}; ' if whole else ''}{_progress(told)}")
                    case str():
                        update(f"{connection}: {told}")
                    case None:
                        pass

            return wait(daemon, connection, followed, after, span, report=report)
    except KeyboardInterrupt:
        screen.note(goes_on)
        raise


def _progress(run: RunView) -> str:
    pages, records = times.count(run.pages, "page"), times.count(run.records, "record")
    return f"sync {run.sync} runs, {run.stream or 'it begins'}: {pages}, {records}"


def _silent(_: object) -> None:
    pass
