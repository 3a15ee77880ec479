"""What does a stream's next sync ask for once it has gone back, and what does nobody ask for?"""

from collections.abc import Collection
from datetime import date, timedelta

from daemon import starting_point, windows
from daemon.control.desk import Desk
from daemon.decide.cursors import Anew
from daemon.store.heads import Head
from daemon.stream_file import Window
from events.terms import Mode
from projections.streams import Stream

ONE_DAY = timedelta(days=1)
APART_MAX = timedelta(days=31)  # days that lie nearer are named as one span: one line fetches them
CURSOR_SHOWN_MAX = 60  # characters
Spans = list[tuple[date, date]]
"""First and last day of each."""


ANEW = {
    Anew.KEY: "everything, as its file names another key by now: what is not among it is removed",
    Anew.FIELD: "everything, as its file names another cursor field by now",
    Anew.AHEAD: "everything, as its cursor of then lies in the future",
}


def words(
    desk: Desk, subject: int, name: str, then: Stream, *, head: Head, days: Collection[date]
) -> str:
    """`then` is what it goes back to, `head` what was kept of that; what differs lies in `days`."""
    known = desk.journal.world.connections[subject]
    provider = desk.providers.get(known.provider)
    stream = provider.file.streams.get(name) if provider else None
    if stream is None:
        return "nothing: its provider's file does not have it any more"
    if stream.window is not None:
        return _days(desk, subject, stream.window, then, days)
    now = desk.journal.clock.now()
    if anew := starting_point.begins_anew(stream, head.cursor, head.told, now):
        return ANEW[anew]
    if stream.mode is Mode.INCREMENTAL and head.cursor is not None:
        return f"what is new since {head.cursor[:CURSOR_SHOWN_MAX]}"
    if stream.mode is Mode.INCREMENTAL:
        return "everything, from the beginning"
    return "everything"


def _days(desk: Desk, subject: int, window: Window, then: Stream, days: Collection[date]) -> str:
    now = desk.journal.clock.now()
    wanted = windows.wanted(window, now, then.failed_days, None, then.newest_day)
    asked = f"{len(wanted):,} days up to {wanted[-1]}, from {wanted[0]} on"
    lost = _lost(days, wanted)
    if not lost:
        return asked
    name = desk.vault.name(subject)
    typed = ", ".join(
        f"`rounds backfill {name} --from {first} --to {last}`" for first, last in lost
    )
    return f"{asked}; what came of other days since is not asked for by itself: {typed}"


def _lost(days: Collection[date], wanted: Collection[date]) -> Spans:
    """The days that differ, whoever fetched them, and that its next sync does not ask for."""
    spans: Spans = []
    for day in sorted({*days} - {*wanted}):
        if spans and day - spans[-1][1] <= APART_MAX:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans
