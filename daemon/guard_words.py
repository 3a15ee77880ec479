"""Why was an answer doubted, and what is there to type? In words that are fit for events."""

from collections.abc import Callable
from typing import TypeAlias

from events.schema import RecordsRefused
from events.terms import Guard
from events.versions import RecordsQuarantined
from projections.streams import Held

EMPTY_MESSAGE = (
    "the provider answered with no records where there were some; the last good data stays in force"
)
EMPTY_DAY = (
    "the provider answered with no records for this day where there were some; they stay in force"
)
SHOW = "`rounds data quarantine list` says more"
SETTLE = (
    "what came is held, and the last good data stays in force: look, then accept or drop it; type "
    "`rounds data quarantine list`"
)

Doubted: TypeAlias = RecordsRefused | RecordsQuarantined | Held


def told(event: Doubted) -> str:
    """What happened, what is in force, and what to type."""
    if not isinstance(event, RecordsRefused):
        return f"{what(event)}; {SETTLE}"
    if event.guard in (None, Guard.EMPTY):
        return EMPTY_DAY if event.day else EMPTY_MESSAGE
    stays = "what was of it before stays" if event.day else "the last good data stays"
    return f"{what(event)}; {stays} in force; {SHOW}"


def what(event: Doubted) -> str:
    """What was wrong, alone; of what is held, with the day that was doubted."""
    words = WORDS[event.guard or Guard.EMPTY](event)
    named = event.day is not None and not isinstance(event, RecordsRefused)
    return f"{words} ({event.day})" if named else words


def _shrunk(event: Doubted) -> str:
    came = event.fetched if event.day else event.offered or 0
    return (
        f"only {came:,} of {event.rows:,} records are left in the provider's answer: "
        f"{_percent(event.share)} are missing, and {_percent(event.limit)} may be (shrunk_by)"
    )


def _incomplete(event: Doubted) -> str:
    said = event.declared or 0
    came = f"{event.fetched:,} records came where the provider itself says that there are {said:,}"
    if event.fetched < said:
        return came
    return (
        f"{came}, but not all of those: some came twice (if it counts those too, say "
        'guards.duplicates = "accept" in its file)'
    )


def _schema(event: Doubted) -> str:
    one = event.fields == 1
    fields = "1 field" if one else f"{event.fields:,} fields"
    return (
        f"{fields} that every record had {'is' if one else 'are'} gone from all of them, or of "
        "another type"
    )


def _duplicates(event: Doubted) -> str:
    return (
        f"{_percent(event.share)} of {event.fetched:,} records repeat another one's key, and "
        f"{_percent(event.limit)} may (duplicates_share)"
    )


def _stale(event: Doubted) -> str:
    if event.day:
        return "the provider answered with nothing but what lies in other days, as it lies there"
    return "the provider's answer has been the same, to the byte, for longer than it may"


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.4g} %"


WORDS: dict[Guard, Callable[[Doubted], str]] = {
    Guard.EMPTY: lambda _: "the provider answered with no records where there were some",
    Guard.SHRUNK: _shrunk,
    Guard.SCHEMA: _schema,
    Guard.DUPLICATES: _duplicates,
    Guard.STALE: _stale,
    Guard.INCOMPLETE: _incomplete,
}
