"""Which guard doubts what a provider answered, and what becomes of it then?

Guards are asked in this order; the first that doubts, and whose doubt is not to be believed away,
is the one that counts:

| guard      | doubts                                                              | of streams |
|------------|---------------------------------------------------------------------|------------|
| empty      | no records where there were some                                    | full, days |
| incomplete | fewer different records than the provider itself says there are     | all, days  |
| schema     | fields that every record had are in none, or of another type in all | all        |
| shrunk     | too large a part of the rows in force is missing                    | full, days |
| duplicates | too many records that repeat another one's key                      | all        |
| stale      | the same for too long; of a day, only what lies in another day      | full, days |

Of an incremental stream absence means nothing: an empty delta is normal, nothing shrinks, nothing
is stale. Where a provider itself says that there are no records, none is what it means. What
repeats another record's key is none of those that it says there are, but where as many may do so.
"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from daemon.commands import DayCount, Evidence
from events.schema import RecordsCaptured
from events.terms import FailureClass, Guard, GuardPolicy, Mode, Reaction, StreamPolicy
from projections.streams import Stream


class Doubt(Struct, frozen=True, kw_only=True):
    """What a guard doubts: `share` was measured, `limit` is allowed, so many `fields` differ."""

    guard: Guard
    reaction: Reaction
    share: float | None = None
    limit: float | None = None
    fields: int = 0
    declared: int | None = None
    count: DayCount | None = None

    @property
    def cause(self) -> FailureClass:
        """What an empty answer is has a class of its own; the others are not as they should be."""
        return FailureClass.EMPTY if self.guard is Guard.EMPTY else FailureClass.MALFORMED


def of_answer(
    offered: RecordsCaptured,
    evidence: Evidence,
    before: Stream,
    declared: StreamPolicy,
    now: datetime,
) -> Doubt | None:
    """The first doubt about a whole answer. `declared` is the stream's policy.

    Of an incremental stream that was fetched anew it cannot say how much may be missing.
    """
    if evidence.whole:
        judged = replace(declared.guards, shrunk=GuardPolicy().shrunk)
        declared = replace(declared, mode=Mode.FULL, guards=judged)
    guards = declared.guards
    full = declared.mode is Mode.FULL
    missing = _part(before.rows - offered.rows, before.rows)
    repeated = _part(offered.duplicates, offered.fetched)
    since = before.changed_at
    if full and _is_empty(offered.rows, before.rows, evidence.declared, declared):
        return Doubt(guard=Guard.EMPTY, reaction=declared.empty)
    came = _came(offered.fetched, offered.duplicates, declared)
    if _is_incomplete(came, evidence.declared, declared):
        return _incomplete(came, evidence.declared, declared)
    if guards.schema is not Reaction.ACCEPT and evidence.fields:
        return Doubt(guard=Guard.SCHEMA, reaction=guards.schema, fields=evidence.fields)
    if full and offered.rows and _is_shrunk(missing, before.rows, declared):
        return _shrunk(missing, declared)
    if guards.duplicates is not Reaction.ACCEPT and repeated > guards.duplicates_share:
        limit = guards.duplicates_share
        return Doubt(
            guard=Guard.DUPLICATES, reaction=guards.duplicates, share=repeated, limit=limit
        )
    if not full or guards.stale is Reaction.ACCEPT or guards.stale_after is None:
        return None
    same = offered.rows > 0 and offered.digest == before.digest
    if same and since is not None and now - since > guards.stale_after:
        return Doubt(guard=Guard.STALE, reaction=guards.stale)
    return None


def of_day(count: DayCount, declared: StreamPolicy) -> Doubt | None:
    """The first doubt about one day of a window stream."""
    guards, missing = declared.guards, _part(count.before - count.fetched, count.before)
    if _is_empty(count.fetched, count.before, count.declared, declared):
        return Doubt(guard=Guard.EMPTY, reaction=declared.empty, count=count)
    came = _came(count.fetched, count.duplicates, declared)
    if _is_incomplete(came, count.declared, declared):
        return _incomplete(came, count.declared, declared, count)
    if count.fetched and _is_shrunk(missing, count.before, declared):
        return _shrunk(missing, declared, count)
    if guards.stale is not Reaction.ACCEPT and count.repeated:
        return Doubt(guard=Guard.STALE, reaction=guards.stale, count=count)
    return None


def _is_empty(rows: int, before: int, said: int | None, declared: StreamPolicy) -> bool:
    """The provider that says there are none vouches for it."""
    return declared.empty is not Reaction.ACCEPT and rows == 0 and before > 0 and said != 0


def _came(fetched: int, duplicates: int, declared: StreamPolicy) -> int:
    """How many of those that there are came: half an answer, twice, is half an answer."""
    allowed = duplicates <= declared.guards.duplicates_share * fetched
    return fetched if allowed else fetched - duplicates


def _is_incomplete(came: int, said: int | None, declared: StreamPolicy) -> bool:
    return declared.guards.incomplete is not Reaction.ACCEPT and said is not None and came < said


def _incomplete(
    came: int, said: int | None, declared: StreamPolicy, count: DayCount | None = None
) -> Doubt:
    return Doubt(
        guard=Guard.INCOMPLETE,
        reaction=declared.guards.incomplete,
        share=_part((said or 0) - came, said or 0),
        declared=said,
        count=count,
    )


def _is_shrunk(missing: float, before: int, declared: StreamPolicy) -> bool:
    guards = declared.guards
    judged = guards.shrunk is not Reaction.ACCEPT and before >= guards.rows_min
    return judged and missing > guards.shrunk_by


def _shrunk(missing: float, declared: StreamPolicy, count: DayCount | None = None) -> Doubt:
    guards = declared.guards
    return Doubt(
        guard=Guard.SHRUNK,
        reaction=guards.shrunk,
        share=missing,
        limit=guards.shrunk_by,
        count=count,
    )


def _part(of: int, whole: int) -> float:
    """Which part that is, to four digits; nothing of nothing."""
    return round(of / whole, 4) if whole else 0.0
