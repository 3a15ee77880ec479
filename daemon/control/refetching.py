"""What does a stream's next sync ask for once it has gone back, and what does nobody ask for?"""

from datetime import date, timedelta

from daemon import windows
from daemon.backfilled import Spans
from daemon.control.desk import Desk
from daemon.stream_file import Window
from events.terms import Mode
from projections.streams import Stream

ONE_DAY = timedelta(days=1)
CURSOR_SHOWN_MAX = 60  # characters


def words(
    desk: Desk, subject: int, name: str, then: Stream, *, cursor: str | None, spans: Spans
) -> str:
    """`then` is what it goes back to, `cursor` where it goes on; `spans` were backfilled since."""
    known = desk.journal.world.connections[subject]
    provider = desk.providers.get(known.provider)
    stream = provider.file.streams.get(name) if provider else None
    if stream is None:
        return "nothing: its provider's file does not have it any more"
    if stream.window is not None:
        return _days(desk, subject, stream.window, then, spans)
    if stream.mode is Mode.INCREMENTAL and cursor is not None:
        return f"what is new since {cursor[:CURSOR_SHOWN_MAX]}"
    if stream.mode is Mode.INCREMENTAL:
        return "everything, from the beginning"
    return "everything"


def _days(desk: Desk, subject: int, window: Window, then: Stream, spans: Spans) -> str:
    now = desk.journal.clock.now()
    wanted = windows.wanted(window, now, then.failed_days, None, then.newest_day)
    asked = f"{len(wanted):,} days up to {wanted[-1]}, from {wanted[0]} on"
    missed = [] if then.newest_day is None else _missed(then.newest_day, wanted)
    lost = [*missed, *spans]
    if not lost:
        return asked
    name = desk.vault.name(subject)
    typed = ", ".join(
        f"`rounds backfill {name} --from {first} --to {last}`" for first, last in lost
    )
    return f"{asked}; what came of other days since is not asked for by itself: {typed}"


def _missed(newest: date, wanted: list[date]) -> Spans:
    """The days between the newest that it has then and those that it asks for by itself."""
    last = wanted[-1]
    while last - ONE_DAY in wanted:
        last -= ONE_DAY
    first = newest + ONE_DAY
    return [(first, last - ONE_DAY)] if first < last else []
