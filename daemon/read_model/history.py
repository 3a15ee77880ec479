"""How did a connection, a stream, a tenant, a provider, the fleet do, by the hour or the day?"""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from daemon.read_model import opening
from daemon.read_model.keeping import DAY_S, HOUR_S
from daemon.read_model.sums import weighed
from projections import uptime
from projections.hours import FIGURES, STREAM_FIGURES
from projections.uptime import Span


class Asked(Struct, frozen=True, kw_only=True):
    """The bins of that `length` that begin from `since` on, until `now`; all in seconds."""

    subject: int
    since: int
    now: int
    length: int


class Bin(Struct, frozen=True, kw_only=True):
    """An hour or a day from `start` on: figures by name, and syncs by their duration's bucket.

    Connections were up for so long in it, of the time in which they were known to be up or down.
    """

    start: int
    figures: Mapping[str, int]
    durations: Mapping[int, int] = {}
    up_s: int = 0
    known_s: int = 0


def read(asked: Asked, stream: str | None, connection: sqlite3.Connection) -> tuple[int, list[Bin]]:
    """The bins, of a stream where one is named, and up to which event they are."""
    with opening.at_once(connection) as seq:
        if stream is not None:
            return seq, stream_bins(connection, asked, stream)
        return seq, bins(connection, asked)


def bins(connection: sqlite3.Connection, asked: Asked) -> list[Bin]:
    """All of them, those too in which nothing happened."""
    rows = connection.execute(_sql(asked.length, "subject", FIGURES), _bound(asked))
    found = {start: figures for start, *figures in rows}
    durations: dict[int, dict[int, int]] = {}
    for start, bucket, syncs in connection.execute(_durations(asked.length), _bound(asked)):
        durations.setdefault(start, {})[bucket] = syncs
    filled = [
        (start, dict(zip(FIGURES, found.get(start, _NOTHING), strict=True)))
        for start in range(asked.since, asked.now + 1, asked.length)
    ]
    spans = [_span(start, asked.length, figures) for start, figures in filled]
    up, known = connection.execute(_LEVEL, (asked.subject, asked.since)).fetchone()
    times = uptime.seconds(spans, up=up, known=known, now=asked.now)
    return [
        Bin(
            start=start,
            figures=figures,
            durations=durations.get(start, {}),
            up_s=up_s,
            known_s=known_s,
        )
        for (start, figures), (up_s, known_s) in zip(filled, times, strict=True)
    ]


def stream_bins(connection: sqlite3.Connection, asked: Asked, stream: str) -> list[Bin]:
    """The same of one stream of a connection, by its own figures."""
    sql = _sql(asked.length, "connection", STREAM_FIGURES, "AND stream = :stream")
    rows = connection.execute(sql, {**_bound(asked), "stream": stream})
    found = {start: figures for start, *figures in rows}
    empty = [0] * len(STREAM_FIGURES)
    return [
        Bin(start=start, figures=dict(zip(STREAM_FIGURES, found.get(start, empty), strict=True)))
        for start in range(asked.since, asked.now + 1, asked.length)
    ]


def total(of: Sequence[Bin]) -> Bin:
    """All of them as one, which begins with the first."""
    figures: Counter[str] = Counter(dict.fromkeys(of[0].figures, 0))
    durations: Counter[int] = Counter()
    for each in of:
        figures.update(each.figures)
        durations.update(each.durations)
    return Bin(
        start=of[0].start,
        figures=figures,
        durations=durations,
        up_s=sum(each.up_s for each in of),
        known_s=sum(each.known_s for each in of),
    )


_NOTHING = [0] * len(FIGURES)
_LEVEL = """
SELECT coalesce(sum(up), 0), coalesce(sum(known), 0) FROM (
    SELECT sum(up_change) AS up, sum(known_change) AS known FROM hour
        WHERE subject = ?1 AND start < ?2
    UNION ALL SELECT sum(up_change), sum(known_change) FROM day WHERE subject = ?1 AND start < ?2)
"""


def _sql(length: int, key: str, names: Sequence[str], more: str = "") -> str:
    """Sums by bin, of the hours, and of what days are left of older ones where bins are days."""
    stream = "stream_" if key == "connection" else ""
    start = f"start / {length} * {length}"
    sums = ", ".join(f"sum({weighed(name, 'length', length)})" for name in names)
    where = f"WHERE {key} = :subject AND start >= :since AND start <= :now {more}"
    hours = f"SELECT start, {', '.join(names)}, {HOUR_S} AS length FROM {stream}hour {where}"
    days = f"SELECT start, {', '.join(names)}, {DAY_S} FROM {stream}day {where}"
    found = f"{hours} UNION ALL {days}" if length >= DAY_S else hours
    return f"SELECT {start}, {sums} FROM ({found}) GROUP BY 1"


def _durations(length: int) -> str:
    """By the day they are kept as such."""
    table = "duration_day" if length >= DAY_S else "duration_hour"
    where = "WHERE subject = :subject AND start >= :since AND start <= :now"
    return f"SELECT start, bucket, syncs FROM {table} {where}"


def _bound(asked: Asked) -> dict[str, int]:
    return {"subject": asked.subject, "since": asked.since, "now": asked.now}


def _span(start: int, length: int, figures: Mapping[str, int]) -> Span:
    return Span(
        start=start,
        length=length,
        up=figures["up_change"],
        up_weight=figures["up_weight_s"],
        known=figures["known_change"],
        known_weight=figures["known_weight_s"],
    )
