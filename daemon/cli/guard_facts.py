"""Which answers of a stream are doubted, and what becomes of them, in words?"""

from datetime import timedelta

from daemon import guard_file
from daemon.cli import times
from daemon.stream_file import Stream
from events.terms import GuardPolicy, Mode, Reaction

NOTHING_NEW = "an answer without records says that nothing is new"
VOUCHED = ", unless the provider itself says that there are none"
EMPTIES = {
    Reaction.ROLLBACK: "an answer without records is refused if there were some before",
    Reaction.QUARANTINE: "an answer without records is held back if there were some before",
    Reaction.ACCEPT: "an answer without records is accepted: there are none any more",
}
EMPTY_DAYS = {
    Reaction.ROLLBACK: "a day without records is refused if there were some of it before",
    Reaction.QUARANTINE: "all days are held back if one has no records where there were some",
    Reaction.ACCEPT: "a day without records is accepted: there are none of it any more",
}
BECOMES = {
    Reaction.ROLLBACK: "is refused",
    Reaction.QUARANTINE: "is held back until somebody accepts or drops it",
}
REPEATED = "a day that brings only what lies in another day"


def of(stream: Stream) -> dict[str, str]:
    """Each guard that would not believe everything, with what it doubts."""
    guards = guard_file.policy(stream.guards, stream.mode)
    of_day = stream.mode is Mode.WINDOW
    found = {"empty": _empty(stream)}
    if stream.mode is not Mode.INCREMENTAL and guards.shrunk is not Reaction.ACCEPT:
        found["shrunk"] = _said(_shrunk(guards, of_day=of_day), guards.shrunk)
    if stream.total is not None:
        what = "an answer with fewer records than it says there are"
        found["incomplete"] = _said(f"{what} at {stream.total}", guards.incomplete)
    if guards.schema is not Reaction.ACCEPT:
        what = "an answer where a field that every record had is gone from all"
        also = "" if stream.csv else ", or of another type in all"
        found["schema"] = _said(what + also, guards.schema)
    if guards.duplicates is not Reaction.ACCEPT:
        found["duplicates"] = _said(_duplicates(guards.duplicates_share), guards.duplicates)
    if guards.stale is not Reaction.ACCEPT:
        found["stale"] = _said(_stale(guards.stale_after), guards.stale)
    return found


def _empty(stream: Stream) -> str:
    if stream.mode is Mode.INCREMENTAL:
        return NOTHING_NEW
    words = (EMPTY_DAYS if stream.window else EMPTIES)[stream.empty]
    return words + (VOUCHED if stream.total and stream.empty is not Reaction.ACCEPT else "")


def _shrunk(guards: GuardPolicy, *, of_day: bool) -> str:
    what = "a day" if of_day else "an answer"
    rows = times.count(guards.rows_min, "row")
    return f"{what} that lacks more than {100 * guards.shrunk_by:.4g} % of {rows} or more"


def _duplicates(share: float) -> str:
    many = f"more than {100 * share:.4g} % of the records repeat" if share else "a record repeats"
    return f"an answer where {many} another one's key"


def _stale(after: timedelta | None) -> str:
    if after is None:
        return REPEATED
    return f"an answer that has been the same, to the byte, for longer than {times.exact(after)}"


def _said(what: str, reaction: Reaction) -> str:
    return f"{what} {BECOMES[reaction]}" if reaction in BECOMES else f"{what} is accepted"
