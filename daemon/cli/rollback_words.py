"""What would going back change, and what did it, in words and tables?"""

from datetime import datetime

import msgspec

from daemon.cli import screen, state_words, times
from daemon.cli.screen import Say
from daemon.control.rollback_messages import (
    ChangeView,
    Preview,
    RollbackAnswer,
    StreamBack,
    StreamPreview,
)

TEXT_MAX = 60  # characters of a cursor
SIGNS = {"added": ("+", "green"), "changed": ("~", "yellow"), "removed": ("-", "red")}
NOTHING = "nothing differs from what it was at event {to}"
ENDS_HELD = "{stream}: what is held of it cannot be accepted any more then; look first: {show}"
WITHIN = (
    "event {to} lies within what brought version {version}: some of its streams, or all, are as "
    "before that; once it was over: --to v{version}"
)


def moment(to: int, at: datetime, now: datetime) -> str:
    return f"event {to} ({times.local(at)}, {times.relative(at, now)})"


def preview(found: Preview) -> None:
    """Print what going back would change."""
    screen.line(f"{found.connection} back to {moment(found.to, found.at, found.now)}:")
    if found.state is not None and found.state.differs:
        state_words.show(found.state, found.now)
    elif not found.streams:
        screen.line(NOTHING.format(to=found.to))
    else:
        _streams(found.streams, found.now)
    for each in found.ends_held:
        held = f"rounds data quarantine show {found.connection} {each}"
        screen.line(ENDS_HELD.format(stream=each, show=held), "yellow")
    if found.within is not None and found.state is None:
        screen.line(WITHIN.format(to=found.to, version=found.within), "yellow")
    if found.syncing:
        screen.line("it syncs just now: --wait lets that come to its end first", "yellow")


def done(found: RollbackAnswer, say: Say) -> None:
    """Say what it came to."""
    for each in found.streams:
        say(f"{found.connection}: {stream(each)}", None)
    say(f"{found.connection} {found.message}", "green" if found.event else None)


def stream(was: StreamBack) -> str:
    """`days to version 11: 3 came back, 1 changed, 2 removed; 7 records now`."""
    numbers = ((was.added, "came back"), (was.changed, "changed"), (was.removed, "removed"))
    parts = ", ".join(f"{number:,} {word}" for number, word in numbers if number)
    whereto = f"version {was.of}" if was.of else "before its first version"
    records = times.count(was.rows, "record")
    return f"{was.stream} to {whereto}: {parts or 'no record differed'}; {records} now"


def _streams(streams: list[StreamPreview], now: datetime) -> None:
    numbers = ("come back", "change", "are removed", "records then")
    table = screen.table(
        "stream", "from", "to", "fetched", *numbers, right=("from", "to", *numbers)
    )
    for each in streams:
        fetched = times.relative(each.captured_at, now) if each.captured_at else "never"
        counts = (each.added, each.changed, each.removed, each.rows_after)
        of = str(each.of) if each.of else "none"
        table.add_row(
            each.stream, str(each.before), of, fetched, *(f"{count:,}" for count in counts)
        )
    screen.show(table)
    for each in streams:
        if each.cursor_before != each.cursor_after:
            before, after = _cursor(each.cursor_before), _cursor(each.cursor_after)
            screen.line(f"{each.stream}: its cursor goes from {before} to {after}")
        screen.line(f"{each.stream}: its next sync fetches {each.fetches}")
        for change in each.examples:
            _example(change)


def _example(change: ChangeView) -> None:
    sign, colour = SIGNS[change.kind]
    record = change.after if change.after is not None else change.before
    text = msgspec.json.encode(record).decode()
    if change.kind == "changed":
        text = f"{msgspec.json.encode(change.before).decode()} → {text}"
    screen.line(f"  {sign} {text}", colour)


def _cursor(text: str | None) -> str:
    if text is None:
        return "the beginning"
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"
