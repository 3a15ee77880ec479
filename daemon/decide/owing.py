"""Is a day that failed asked for again, and until when?

Where trying again may help, until it comes (requirements B3, C4). What was refused, or is missing,
may be mended at the provider, or in its file: such a day is asked for with each turn for a week, as
long as a window of the usual length would ask for it. It is named each time, and then given up.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from msgspec.structs import replace

from daemon.decide import failure
from events.terms import FailureClass, StreamFailure
from projections.streams import NEW, Streams

REFUSED_FOR = timedelta(days=7)


def judged(lost: StreamFailure, streams: Streams, now: datetime) -> StreamFailure:
    """The same failure, with what becomes of its day, if it is one's."""
    if lost.day is None:
        return replace(lost, owed=False)
    if failure.is_retried(lost.cause) or lost.cause is FailureClass.AUTH:
        return replace(lost, owed=True)  # with AUTH it helps once a person has seen to it
    known = streams.get(lost.stream, NEW)
    until = known.owed_until.get(lost.day, now + REFUSED_FOR)
    return replace(lost, owed=now < until, owed_until=until if now < until else None)


def days(
    lost: Iterable[StreamFailure], stream: str, streams: Streams, now: datetime
) -> tuple[date, ...]:
    """Which days of that stream are asked for again, of those that were lost."""
    judged_ = (judged(each, streams, now) for each in lost if each.stream == stream)
    return tuple(sorted(each.day for each in judged_ if each.day and each.owed))
