"""Which answers of a stream are doubted, and what becomes of them then?"""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from daemon.duration import Duration, duration
from daemon.file_table import Table
from events.terms import GuardPolicy, Mode, Reaction

Share = Annotated[float, Meta(ge=0, lt=1)]
ALL = 1.0


class Guards(Table, frozen=True, kw_only=True):
    """What is not said holds as `policy` says: it depends on what the stream's answers hold.

    `shrunk_by` is the largest share of the rows in force that may be missing at once, where there
    are `rows_min` of them; `duplicates_share` the largest one of records that repeat a key: what
    goes beyond is doubted, and counts as none of those that an answer says there are;
    `stale_after` for how long an answer may stay the same, to the byte.
    """

    shrunk: Reaction | None = None
    shrunk_by: Share | None = None
    rows_min: Annotated[int, Meta(ge=1)] | None = None
    schema: Reaction | None = None
    duplicates: Reaction | None = None
    duplicates_share: Share | None = None
    stale: Reaction | None = None
    stale_after: Duration | None = None
    incomplete: Reaction | None = None

    def names_absence(self) -> bool:
        """Say whether it speaks of what only a whole answer can show."""
        spoken = (self.shrunk, self.shrunk_by, self.rows_min, self.stale, self.stale_after)
        return any(each is not None for each in spoken)


def policy(guards: Guards, mode: Mode) -> GuardPolicy:
    """What the file says, with what holds where it says nothing.

    A day's records come and go by themselves, so a day that shrank is doubted only where the file
    says so; an answer that stays the same, where it says for how long it may. Where it accepts
    records that repeat a key, all of them may.
    """
    usual = GuardPolicy()
    full, after = mode is Mode.FULL, _after(guards)
    says_shrunk = guards.shrunk_by is not None
    shrunk = usual.shrunk if full or says_shrunk else Reaction.ACCEPT
    says_twice = guards.duplicates_share is not None
    share = ALL if guards.duplicates is Reaction.ACCEPT else usual.duplicates_share
    duplicates = Reaction.QUARANTINE if says_twice else usual.duplicates
    stale = usual.stale if after is None else Reaction.ROLLBACK
    return GuardPolicy(
        shrunk=guards.shrunk or shrunk,
        shrunk_by=usual.shrunk_by if guards.shrunk_by is None else guards.shrunk_by,
        rows_min=guards.rows_min or usual.rows_min,
        schema=guards.schema or usual.schema,
        duplicates=guards.duplicates or duplicates,
        duplicates_share=share if guards.duplicates_share is None else guards.duplicates_share,
        stale=guards.stale or stale,
        stale_after=after,
        incomplete=guards.incomplete or usual.incomplete,
    )


def _after(guards: Guards) -> timedelta | None:
    return duration(guards.stale_after) if guards.stale_after else None
