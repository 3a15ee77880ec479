"""When is a snapshot worth its making, and which old ones are kept?

Kept are the newest ones, and going back one an hour, one a day, one a month. All are by the time of
their event, as people will ask for them.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

EVENTS = 10_000  # replayed in a tenth of a second
EVERY = timedelta(hours=1)  # sooner, where fewer events came
EVENTS_MIN = 100  # below that, nobody would notice the time saved
NEWEST = 3  # should the last one be damaged, there is another near it
HOURS, DAYS = 24, 30

Made = tuple[int, datetime]
"""(seq, when that event was recorded)"""


def enough(slices: int) -> int:
    """After how many events one is due: making it costs what there are slices of."""
    return max(EVENTS, slices)


def kept(made: Sequence[Made], now: datetime) -> frozenset[int]:
    """Which of these snapshots are kept, by their numbers."""
    found = sorted(made, reverse=True)
    numbers = {seq for seq, _ in found[:NEWEST]}
    taken: set[str] = set()
    for seq, at in found:  # the newest of each span stands for it
        spans = set(_spans(at.astimezone(UTC), now))
        if not spans <= taken:
            numbers.add(seq)
            taken |= spans
    return frozenset(numbers)


def _spans(at: datetime, now: datetime) -> Iterator[str]:
    """Which spans of time it could stand for; what lies ahead of a clock set back is of now."""
    age = now - at
    if age < timedelta(hours=HOURS):
        yield f"{at:%Y-%m-%d %H}"
    if age < timedelta(days=DAYS):
        yield f"{at:%Y-%m-%d}"
    yield f"{at:%Y-%m}"
