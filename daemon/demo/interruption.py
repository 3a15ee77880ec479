"""What does the demo do when it is told to stop? It ends what it began, whatever moment it is."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

TOLD_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class TookTooLong(Exception):
    """What was waited for did not come in time."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM and a closed terminal as a Ctrl-C: as KeyboardInterrupt."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with _handling(TOLD_BY, interrupt):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off the interruption to the end of the block, so that what it begins is known."""
    told: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        told.append(number)

    with _handling(TOLD_BY, note):
        yield
    if told:
        raise KeyboardInterrupt


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Do not wait for longer, whatever is waited for. Raises TookTooLong."""

    def give_up(*_: object) -> None:
        raise TookTooLong

    with _handling((signal.SIGALRM,), give_up):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def _handling(
    numbers: Sequence[signal.Signals], handle: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Handle what is not ignored (as `nohup` ignores a closed terminal) in this way."""
    before = {number: signal.getsignal(number) for number in numbers}
    heeded = [number for number in numbers if before[number] not in (signal.SIG_IGN, None)]
    for number in heeded:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])
