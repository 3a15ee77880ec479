"""How does a command ask as of then, and say that its answer is of then?"""

from datetime import datetime

from daemon.cli import screen, times, when
from daemon.clock import SystemClock


def query(at: str | None) -> dict[str, str | int | None]:
    """The same as the daemon is asked. Raises Ended."""
    return {} if at is None else {"at": sent(at)}


def sent(at: str) -> str:
    """A moment as the daemon takes it. Raises Ended."""
    return when.sent(at, SystemClock().now())


def say(at: str | None, seq: int, then: datetime) -> None:
    """Before an answer as of then: of when it is. Its spans of time are seen from there."""
    if at is not None:
        screen.line(f"as of {told(seq, then)}", "cyan")


def told(seq: int, then: datetime) -> str:
    """An event and a time, as people say it."""
    now, here = SystemClock().now(), then.astimezone()
    year = "" if here.year == now.astimezone().year else " %Y"
    return f"event {seq}, {here:%a %d %b{year} %H:%M:%S} ({times.relative(then, now)})"
