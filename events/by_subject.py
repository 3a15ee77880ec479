"""Does the index through which a subject's events are found lead to exactly the events there are?

No hash covers an index: a damaged one leaves events out of an answer, and nobody notices.
"""

import sqlite3

from events.verify import Broken, Kind

COMPARED = """
    SELECT
        (SELECT count(*) FROM event INDEXED BY event_subject),
        (SELECT count(*) FROM event NOT INDEXED),
        (SELECT max(seq) FROM event NOT INDEXED),
        count(*),
        sum(number)
    FROM (SELECT seq AS number, subject AS owner FROM event INDEXED BY event_subject)
    CROSS JOIN event AS e NOT INDEXED ON e.seq = number AND e.subject = owner
"""
"""Entries, events, the last one's number; how many entries lead to an event of their subject, and
the sum of their numbers. One statement: a daemon that appends meanwhile comes before it or after.
"""


def check(connection: sqlite3.Connection) -> None:
    """Raise Broken where an entry leads nowhere, elsewhere, or twice to the same, or is missing.

    The events themselves are believed to be numbered from 1 on.
    """
    try:
        entries, events, last, right, sum_ = connection.execute(COMPARED).fetchone()
    except sqlite3.Error as error:
        raise _broken(f"SQLite cannot read it to the end: {error}") from error
    if not entries == events == right or (sum_ or 0) != (last or 0) * ((last or 0) + 1) // 2:
        raise _broken(f"{right:,} of its {entries:,} entries lead to one of {events:,} events")


def _broken(why: str) -> Broken:
    return Broken(
        f"the index through which the events of one connection are found is damaged ({why})",
        Kind.DAMAGED_INDEX,
    )
