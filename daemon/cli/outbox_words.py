"""What does an event about a write that waits say, in one plain line?"""

from typing import assert_never

from daemon.cli import times
from daemon.cli.causes import of_call
from events.outbox import (
    OutboxEvent,
    WriteBegun,
    WriteDeferred,
    WriteDelivered,
    WriteDropped,
    WriteFailed,
    WriteInDoubt,
    WriteQueued,
    WriteRedated,
    WriteRetried,
    WriteSettled,
)
from events.terms import FailureClass

SETTLE = (
    "look there whether it arrived, then type: rounds outbox delivered {write} (it did), "
    "retry {write} (it did not) or drop {write} (it need not any more)"
)


def settle(write: int | str) -> str:
    """What to do about one that is in doubt, by its number."""
    return SETTLE.format(write=write)


def tone(event: OutboxEvent) -> str | None:
    match event:
        case WriteFailed() | WriteInDoubt():
            return "red"
        case WriteQueued() | WriteDeferred() | WriteDropped():
            return "yellow"
        case WriteDelivered() | WriteSettled():
            return "green"
        case _:
            return None


def told(event: OutboxEvent, who: str) -> str:
    match event:
        case WriteQueued(endpoint=endpoint, bytes=size):
            why = _why(event.cause) or "others wait before it, or a breaker is open"
            return f"write queued{who}: {endpoint}, {times.size(size)}; {why}"
        case WriteBegun(write=write, attempt=attempt):
            again = f", attempt {attempt}" if attempt > 1 else ""
            return f"write {write} leaves{again}"
        case WriteDelivered(write=write):
            return f"write {write} delivered{_status(event)}"
        case WriteFailed(write=write, message=message):
            return f"write {write} failed: {message}"
        case WriteDeferred(write=write, due=due, over_limit=True):
            why = "its tenant's programs have used up their limit"
            return f"write {write} put off until {times.local(due)}: {why}"
        case WriteDeferred(write=write, due=due, cause=cause):
            why = _why(cause) or "rounds ended, or the clock jumped"
            return f"write {write} put off until {times.local(due)}: {why}{_status(event)}"
        case WriteInDoubt(write=write, cause=cause):
            why = _why(cause) or "rounds ended before the answer came"
            why += ", and its key is too old to send it again" if event.key_expired else ""
            return (
                f"write {write} may have arrived, or not ({why}{_status(event)}); {settle(write)}"
            )
        case WriteDropped(write=write):
            return f"write {write} dropped{who}"
        case WriteRetried(write=write):
            return f"write {write} is to be sent as soon as it may{who}"
        case WriteRedated(write=write, known_until=until):
            known = times.local(until)
            return f"write {write}: the clock was set back, and its key counts until {known}"
        case WriteSettled(write=write):
            return f"write {write} did arrive, as was found{who}"
        case _:
            assert_never(event)


def _why(cause: FailureClass | None) -> str | None:
    return of_call(cause) if cause else None


def _status(event: WriteDelivered | WriteDeferred | WriteInDoubt) -> str:
    return f" ({event.status})" if event.status else ""
