"""How far has a check come, and how fast was it?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daemon.cli import screen, times

LONG_EVENTS = 200_000  # some half a second: a bar is worth its room
BAR_EVENTS = 10_000  # how often it moves


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how far it has come. `total` is some number of events."""
    if not screen.terminal() or total < LONG_EVENTS:
        yield lambda _: None
        return
    with screen.bar("verifying", total) as update:
        shown = 0

        def tell(events: int) -> None:
            nonlocal shown
            if events >= shown + BAR_EVENTS:
                shown = events
                update(events)

        yield tell


def speed(events: int, seconds: float) -> str:
    took = times.milliseconds(round(seconds * 1000))
    if seconds < 0.1:  # too short to divide by
        return took
    return f"{took}, {round(events / seconds):,} events a second"
