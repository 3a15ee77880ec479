"""What did a source say of itself, by the hour or the day?"""

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from daemon.read_model import opening
from daemon.read_model.history import Asked

SUMMED = ("reports", "syncs", "records", "errors", "duration_ms", "bytes")


class Heard(Struct, frozen=True, kw_only=True):
    """What its reports of an hour or a day from `start` on add up to; `start` in s since 1970.

    `queue_depth_max` is the longest queue that they tell of; `oldest` is when the oldest item that
    waited in one was made, in ISO 8601.
    """

    start: int
    reports: int = 0
    syncs: int = 0
    records: int = 0
    errors: int = 0
    duration_ms: int = 0
    bytes: int = 0
    queue_depth_max: int | None = None
    oldest: str | None = None


def read(asked: Asked, connection: sqlite3.Connection) -> tuple[int, list[Heard]]:
    """All the bins that are asked for of that source, and up to which event they are."""
    with opening.at_once(connection) as seq:
        rows = connection.execute(
            _SQL, (asked.length, asked.subject, asked.since, asked.now)
        ).fetchall()
    found = {start: dict(zip(_NAMES, figures, strict=True)) for start, *figures in rows}
    return seq, [
        Heard(start=start, **found.get(start, {}))
        for start in range(asked.since, asked.now + 1, asked.length)
    ]


def total(of: Sequence[Heard]) -> Heard:
    """All of them as one, which begins with the first."""
    return Heard(
        start=of[0].start,
        queue_depth_max=max(
            (each.queue_depth_max for each in of if each.queue_depth_max is not None), default=None
        ),
        oldest=min((each.oldest for each in of if each.oldest is not None), default=None),
        **{name: sum(getattr(each, name) for each in of) for name in SUMMED},
    )


_NAMES = (*SUMMED, "queue_depth_max", "oldest")
_SQL = f"""
SELECT start / ?1 * ?1, {", ".join(f"sum({name})" for name in SUMMED)},
    max(queue_depth_max), min(oldest)
FROM report_hour WHERE source = ?2 AND start >= ?3 AND start <= ?4 GROUP BY 1
"""
