"""What came to a connection's streams, as far as that is kept one by one?

Sums of hours do not say it: how old data was at a moment takes exact times, a day begins when it
does where the connection lives, and a load or a pause is told from its neighbours in the order of
events. So what drift needs to know of each event is kept as long as what happened is.
"""

import sqlite3
from datetime import datetime, timedelta

from msgspec import Struct

from daemon.read_model import details, opening
from daemon.read_model.rows import Row
from events.codec import EPOCH, to_microseconds
from events.envelope import Recorded
from events.schema import FLEET
from projections import arrivals, traces
from projections.arrivals import Came
from projections.traces import Trace, Word

TRACES_MAX = 200_000  # that are held at once: the log says why it is too much
KEPT = "kept"
"""Before it the tenant did not consent to details: of that time the log alone tells."""


class Asked(Struct, frozen=True, kw_only=True):
    """What came to a connection by the events after `after`, up to `last`: `since` then."""

    connection: int
    after: int
    last: int
    since: datetime
    until: datetime


def rows(recorded: Recorded) -> list[Row]:
    """What is kept of an event: one, or none."""
    found = traces.trace(recorded)
    if found is None:
        return []
    names = ",".join(found.streams)
    counts = (found.new, found.fetched, found.repeated, found.before, found.version, found.fields)
    return [(recorded.subject, *_head(recorded), found.word.value, names, *counts)]


def kept_from(connection: int, recorded: Recorded) -> Row:
    """From that event on the connection's are kept."""
    return (connection, *_head(recorded), KEPT, "", 0, 0, 0, 0, 0, 0)


def came(asked: Asked, connection: sqlite3.Connection) -> Came | None:
    """None where not all of that time is there, or not yet: the log has it."""
    with opening.at_once(connection) as seq:
        if seq < asked.last or not _reaches(asked, connection):
            return None
        bound = (asked.connection, asked.after, asked.last)
        found = connection.execute(_TRACES, (*bound, TRACES_MAX + 1)).fetchall()
    if len(found) > TRACES_MAX:
        return None
    return arrivals.gathered(map(_trace, found), asked.since, asked.until)


def _reaches(asked: Asked, connection: sqlite3.Connection) -> bool:
    """Whether nothing after that event was forgotten, or never kept: the first one there says.

    Of who does not consent nothing is there at all.
    """
    whose = connection.execute(_WHOSE, (asked.connection,)).fetchone()
    if whose is None:
        return False
    said = dict(connection.execute(_SAID, (FLEET, *whose)))
    if not details.may_be_kept(said, *whose):
        return False
    first = connection.execute(_FIRST, (asked.connection,)).fetchone()
    if first is not None and first[0] == Word.ADDED:
        return True
    if first is not None and first[0] == KEPT:
        return bool(first[1] <= asked.after)
    (oldest,) = connection.execute("SELECT min(seq) FROM occurrence").fetchone()
    return oldest is not None and oldest <= asked.after + 1


def _trace(found: Row) -> Trace:
    seq, at_us, word, streams, new, fetched, repeated, before, version, fields = found
    return Trace(
        seq=seq,
        at=EPOCH + timedelta(microseconds=at_us),
        word=Word(word),
        streams=tuple(streams.split(",")) if streams else (),
        new=new,
        fetched=fetched,
        repeated=repeated,
        before=before,
        version=version,
        fields=fields,
    )


def _head(recorded: Recorded) -> tuple[int, int]:
    return recorded.seq, to_microseconds(recorded.at)


_WHOSE = "SELECT tenant FROM member WHERE connection = ?"
_SAID = "SELECT subject, granted FROM consent WHERE subject IN (?, ?)"
_FIRST = "SELECT word, seq FROM trace WHERE connection = ? ORDER BY seq LIMIT 1"
_TRACES = """
SELECT seq, at_us, word, streams, new, fetched, repeated, before, version, fields FROM trace
    WHERE connection = ?1 AND seq > ?2 AND seq <= ?3 AND word <> 'kept' ORDER BY seq LIMIT ?4
"""
