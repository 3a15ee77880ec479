"""How many calls does one window hold, and when will there be room for more?

Calls are taken in blocks, and a block's calls may leave for a while (`left`). All of them count
from when the block was taken until the last one that could be among them has left the window.

A sliding window is counted in buckets, and a bucket leaves as a whole: a block taken in one bucket
may be used to the end of the next, and counts there. So it counts for up to two buckets longer
than it must, and never less long. An aligned window is counted exactly.

What was taken was taken before now, whatever the clock says: where it stepped back, what lies in
its future counts now as well, and at most to the end of the next bucket.
"""

from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.limits import Span, WindowKind

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
BUCKETS = 58  # in a window's length; with the one that leaves and the one that comes it is 60
BUCKET_MIN_US = 500_000  # a block outlives the commit that makes it durable
ALIGNED_KEPT = 1  # windows kept before this one, to which a clock that steps back may return


class Moment(Struct, frozen=True, kw_only=True):
    """Now, by the wall clock, and by how much its steps put it `ahead` of the steady time."""

    wall: datetime
    ahead: timedelta = timedelta()

    @property
    def steady(self) -> datetime:
        return self.wall - self.ahead


class Window(Struct, frozen=True, kw_only=True):
    """Calls by bucket, (index, calls), the oldest first."""

    span: Span
    buckets: tuple[tuple[int, int], ...] = ()


def take(window: Window, calls: int, moment: Moment) -> Window:
    """Count so many more. Also with none, what lies in the future is drawn near, the past dropped.

    An aligned window that is ahead of the clock stays so, and counts both here and there.
    """
    index = _index(window.span, moment)
    first = _first(window.span, moment) - _kept(window.span)
    found: dict[int, int] = {}
    for at, before in window.buckets:
        if at >= first:
            near = min(at, index + 1)
            found[near] = found.get(near, 0) + before
    if calls:
        at = index + 1 if _slides(window.span) else max(index, *found) if found else index
        found[at] = found.get(at, 0) + calls
    return replace(window, buckets=tuple(sorted(found.items())))


def count(window: Window, moment: Moment) -> int:
    """How many calls the window holds now, at most."""
    first = _first(window.span, moment)
    return sum(calls for at, calls in window.buckets if at >= first)


def wait(window: Window, limit: int, moment: Moment) -> timedelta:
    """How long it takes until one more call fits under `limit`; zero where it fits now."""
    assert limit >= 1, "a limit of no calls at all is never waited for"
    over = count(window, moment) + 1 - limit
    if over <= 0:
        return timedelta()
    first, now = _first(window.span, moment), _time(window.span, moment)
    reach = _us(window.span.per) if _slides(window.span) else 0
    leaves = now
    for at, calls in window.buckets:
        if at >= first and over > 0:
            over -= calls
            leaves = (at + 1) * _width(window.span) + reach
    return (leaves - now) * MICROSECOND


def left(span: Span, moment: Moment) -> timedelta:
    """How long the calls of a block that is taken now may leave."""
    buckets = 2 if _slides(span) else 1
    end = (_index(span, moment) + buckets) * _width(span)
    return (end - _time(span, moment)) * MICROSECOND


def is_empty(window: Window, moment: Moment) -> bool:
    """Whether all of it has left."""
    return not window.buckets or window.buckets[-1][0] < _first(window.span, moment)


def longest(span: Span) -> timedelta:
    """For how long at most a call counts in a sliding window, from when it was taken."""
    return span.per + 2 * _width(span) * MICROSECOND


def is_ahead(window: Window, moment: Moment) -> bool:
    """Whether the clock stepped back so far that the window would wait for longer than it may."""
    return bool(window.buckets) and window.buckets[-1][0] > _index(window.span, moment) + 1


def like(window: Window, span: Span, moment: Moment) -> Window:
    """The same calls in another span: each counted as late as it can have left.

    None of them still may: a file is read when a life begins, and blocks end with their life.
    """
    offset = _time(span, moment) - _time(window.span, moment)
    found: dict[int, int] = {}
    for at, calls in window.buckets:
        last = ((at + 1) * _width(window.span) - 1 + offset) // _width(span)
        found[last] = found.get(last, 0) + calls
    return take(Window(span=span, buckets=tuple(sorted(found.items()))), 0, moment)


def _slides(span: Span) -> bool:
    return span.kind is WindowKind.SLIDING


def _kept(span: Span) -> int:
    return 0 if _slides(span) else ALIGNED_KEPT


def _time(span: Span, moment: Moment) -> int:
    """Microseconds since 1970, by the clock that counts for this kind of window."""
    return _us((moment.steady if _slides(span) else moment.wall) - EPOCH)


def _width(span: Span) -> int:
    return max(-(-_us(span.per) // BUCKETS), BUCKET_MIN_US) if _slides(span) else _us(span.per)


def _index(span: Span, moment: Moment) -> int:
    return _time(span, moment) // _width(span)


def _first(span: Span, moment: Moment) -> int:
    """The oldest bucket of which a call can still lie in the window."""
    if not _slides(span):
        return _index(span, moment)
    return (_time(span, moment) - _us(span.per)) // _width(span)


def _us(length: timedelta) -> int:
    return length // MICROSECOND
