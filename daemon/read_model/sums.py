"""How does what a batch adds come into the hours, and how do old hours become days?"""

import sqlite3
from collections.abc import Iterable

from daemon.read_model import details
from daemon.read_model.keeping import DAY_S, HOUR_S
from daemon.read_model.rows import Rows
from projections.hours import FIGURES, STREAM_FIGURES

_NAMES = ", ".join(FIGURES)
_STREAM_NAMES = ", ".join(STREAM_FIGURES)
_STREAM_SUMS = ", ".join(f"sum({name})" for name in STREAM_FIGURES)


def adds(names: Iterable[str]) -> str:
    """What a statement does with figures that are there already."""
    return ", ".join(f"{name} = {name} + excluded.{name}" for name in names)


def _add(table: str, key: str, names: tuple[str, ...]) -> str:
    """A statement that adds to a row, or makes it."""
    columns = (*key.split(", "), *names)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {adds(names)}"
    )


LEVELS = {"up_weight_s": "up_change", "known_weight_s": "known_change"}
"""Which figure weighs which change of a level."""


def weighed(name: str, length: int | str, bin_s: int) -> str:
    """A figure of a row of that length, as it counts in the bin of so many seconds around it.

    From the end of its hour to the end of the bin a change weighs on.
    """
    if name not in LEVELS:
        return name
    return f"{name} + {LEVELS[name]} * ({bin_s} - start % {bin_s} - {length})"


RECOVERED_MS = "CAST(round((julianday(ended) - julianday(created)) * 86400000.0) AS INTEGER)"
"""After how long what a retry saved was so."""

ONE_BY_ONE = (
    "member",
    "turn",
    "occurrence",
    "failure",
    "retry",
    "pass",
    "trace",
    "reporter",
    "report_hour",
)
KEYS = {
    "hour": ("subject, start", FIGURES),
    "day": ("subject, start", FIGURES),
    "stream_hour": ("connection, stream, start", STREAM_FIGURES),
    "stream_day": ("connection, stream, start", STREAM_FIGURES),
    "duration_hour": ("subject, start, bucket", ("syncs",)),
    "duration_day": ("subject, start, bucket", ("syncs",)),
}
"""Of the tables that add up: the key, and what is added."""

_ADD = {table: _add(table, key, names) for table, (key, names) in KEYS.items()}


def add(connection: sqlite3.Connection, rows: Rows) -> None:
    """Add a batch's. Part of the caller's transaction."""
    many = connection.executemany
    many(_ADD["hour"], ((*key, *figures) for key, figures in rows.hours.items()))
    many(_ADD["duration_hour"], ((*key, n) for key, n in rows.durations.items()))
    many(_ADD["duration_day"], ((*key, n) for key, n in rows.duration_days.items()))
    many(_ADD["stream_hour"], ((*key, *figures) for key, figures in rows.streams.items()))
    many(_ADD["day"], ((*key, *figures) for key, figures in rows.days.items()))
    many(_ADD["stream_day"], ((*key, *figures) for key, figures in rows.stream_days.items()))


def take_in(connection: sqlite3.Connection) -> None:
    """Add what the attached `other` has, which has no row of the same event."""
    connection.execute("INSERT OR REPLACE INTO consent SELECT * FROM other.consent")
    for table in ONE_BY_ONE:
        connection.execute(f"INSERT INTO {table} SELECT * FROM other.{table}")
    for table, (key, names) in KEYS.items():
        connection.execute(
            f"INSERT INTO {table} SELECT * FROM other.{table} WHERE true "
            f"ON CONFLICT ({key}) DO UPDATE SET {adds(names)}"
        )


def forget_details(connection: sqlite3.Connection, subject: int) -> None:
    """Let go of a subject's details."""
    zero = ", ".join(f"{name} = 0" for name in details.FIGURES)
    for table in ("hour", "day"):
        connection.execute(f"UPDATE {table} SET {zero} WHERE subject = ?", (subject,))
    for table in ("stream_hour", "stream_day", "trace"):
        connection.execute(f"DELETE FROM {table} WHERE connection = ?", (subject,))


_DAY = f"start / {DAY_S} * {DAY_S}"
_FOLDS = ", ".join(f"sum({weighed(name, HOUR_S, DAY_S)})" for name in FIGURES)
_FOLD = (
    f"INSERT INTO day (subject, start, {_NAMES}) "
    f"SELECT subject, {_DAY}, {_FOLDS} "
    "FROM hour INDEXED BY hour_start WHERE start < ?1 GROUP BY 1, 2 "
    f"ON CONFLICT (subject, start) DO UPDATE SET {adds(FIGURES)}"
)
_FOLD_STREAM = (
    f"INSERT INTO stream_day (connection, stream, start, {_STREAM_NAMES}) "
    f"SELECT connection, stream, {_DAY}, {_STREAM_SUMS} "
    "FROM stream_hour INDEXED BY stream_hour_start WHERE start < ?1 GROUP BY 1, 2, 3 "
    f"ON CONFLICT (connection, stream, start) DO UPDATE SET {adds(STREAM_FIGURES)}"
)
_KEPT = ", ".join(
    f"sum({LEVELS[name]}) * {DAY_S}"
    if name in LEVELS
    else f"sum({name})"
    if name in LEVELS.values()
    else "0"
    for name in FIGURES
)
_FORGET = (
    f"INSERT INTO day (subject, start, {_NAMES}) "
    f"SELECT subject, ?1, {_KEPT} FROM day INDEXED BY day_start WHERE start < ?1 GROUP BY 1 "
    f"HAVING sum(up_change) <> 0 OR sum(known_change) <> 0 "
    f"ON CONFLICT (subject, start) DO UPDATE SET {adds(FIGURES)}"
)
"""What is up when the first kept day begins, is up from its beginning on."""


def fold(connection: sqlite3.Connection, before: int) -> None:
    """Make days of the hours before that second, which begins a day."""
    connection.execute(_FOLD, (before,))
    connection.execute("DELETE FROM hour WHERE start < ?", (before,))
    connection.execute("DELETE FROM duration_hour WHERE start < ?", (before,))
    connection.execute(_FOLD_STREAM, (before,))
    connection.execute("DELETE FROM stream_hour WHERE start < ?", (before,))


def forget_days(connection: sqlite3.Connection, before: int) -> None:
    """Forget the days before that second, which begins a day, but for how they left things."""
    connection.execute(_FORGET, (before,))
    for table in ("day", "duration_day", "stream_day"):
        connection.execute(f"DELETE FROM {table} WHERE start < ?", (before,))
