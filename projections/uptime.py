"""For how much of each hour or day was everything up, and was anything known?

A connection is up while the last sync that ended has succeeded, and known from the first one that
ended until it is removed. A span of time has the *change* of how many are up, and the changes'
*weight*: each times the seconds left of the span. With the level before it, that is the time up:

    level ────┐ +1 at t        up = level * length + weight,   weight = 1 * (end - t)
              └──────────
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct


class Span(Struct, frozen=True, kw_only=True):
    """From `start`, in seconds since 1970, so long; how many more were up and known at its end."""

    start: int
    length: int
    up: int
    up_weight: int
    known: int
    known_weight: int


def seconds(spans: Iterable[Span], *, up: int, known: int, now: int) -> Iterator[tuple[int, int]]:
    """Of each span, in their order: for how many seconds connections were up, and known.

    Before the first, so many were `up` and `known`. A span that has not ended counts until `now`.
    """
    for each in spans:
        ahead = max(0, each.start + each.length - now)
        up_s = up * each.length + each.up_weight - ahead * (up + each.up)
        known_s = known * each.length + each.known_weight - ahead * (known + each.known)
        up, known = up + each.up, known + each.known
        yield up_s, known_s


def percentage(up_s: int, known_s: int) -> float | None:
    """With two digits, cut off: only what was never down has 100. None where nothing was known."""
    if known_s <= 0:
        return None
    return max(0, min(10_000, 10_000 * up_s // known_s)) / 100
