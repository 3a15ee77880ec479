"""How would a connection do, had its state gone back, beside how it does now?"""

from collections.abc import Iterator
from datetime import datetime

from daemon.cli import screen, times
from daemon.cli.causes import CAUSES
from daemon.cli.policy_words import OPENED
from daemon.control.rollback_messages import LastSync, StatePreview, StateView, StreamState
from events.breakers import BreakerReason
from events.terms import FailureClass

FINE = "as it should be"


def show(found: StatePreview, now: datetime) -> None:
    """What differs, and when it starts next."""
    before, after = dict(_facts(found.before, now)), dict(_facts(found.after, now))
    differ = [(name, was, after[name]) for name, was in before.items() if was != after[name]]
    table = screen.table("", "now", "then", folds=("now", "then"))
    for row in differ:
        table.add_row(*row)
    table.add_row("next start", _start(found.before, now), _start(found.after, now))
    screen.show(table)
    if not differ:
        screen.line("nothing else differs but what its breaker remembers")
    screen.line("its next start is decided anew; counters and credentials stay as they are")


def _facts(of: StateView, now: datetime) -> Iterator[tuple[str, str]]:
    yield "health", of.condition
    yield "failures in a row", str(of.failures)
    yield "failures of rounds itself", str(of.crashes)
    yield "last sync", _last(of.last, now)
    yield "breaker", _breaker(of, now)
    yield "its breaker looks back at", times.count(of.outcomes, "sync or call")
    yield "retry", f"attempt {of.retry} waits" if of.retry else "none waits"
    for name, stream in of.streams.items():
        for what, said in _stream(stream, now):
            yield f"{name}: {what}", said


def _stream(of: StreamState, now: datetime) -> Iterator[tuple[str, str]]:
    yield "health", of.condition
    yield "failures in a row", str(of.failures)
    yield "last failed", times.relative(of.failed_at, now) if of.failed_at else "never"
    yield "failed of", CAUSES[FailureClass(of.cause)] if of.cause else "nothing"
    yield "last answer", f"doubted ({of.doubt})" if of.doubt else FINE
    yield "data", "refused as empty" if of.empty else FINE


def _last(last: LastSync | None, now: datetime) -> str:
    if last is None:
        return "none yet"
    why = f": {CAUSES[FailureClass(last.cause)]}" if last.cause else ""
    return f"{last.word}{why}, {times.relative(last.at, now)} (event {last.event})"


def _breaker(of: StateView, now: datetime) -> str:
    if of.breaker == "closed":
        return "closed"
    if of.breaker_until and of.breaker_until <= now:
        return f"half-open ({OPENED[BreakerReason(of.breaker)]})"
    until = (
        f"until {times.second(of.breaker_until, now)}"
        if of.breaker_until
        else "until somebody closes it"
    )
    return f"open {until} ({OPENED[BreakerReason(of.breaker)]})"


def _start(of: StateView, now: datetime) -> str:
    if of.next_start is None:
        return "none as things are"
    return f"{times.relative(of.next_start, now)} ({times.local(of.next_start)})"
