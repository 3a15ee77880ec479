"""What were the values of watched fields in what a version wrote?

They are told by sketches (`projections/value_sketch.py`), from which no value can be read: made of
the rows as they are staged, and kept once the version is in force, also when its rows are gone. Of
many rows those with the least digests are taken: keyed hashes of what they hold, and so a sample
that hangs on no order. Held and refused rows are in none that is kept.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from daemon import selector
from projections import value_sketch
from projections.value_sketch import HASH_BYTES, Measures, Sketch

SAMPLE_ROWS_MAX = 1000  # of a version: 1 % of a share, at some 15 us a row and field
VERSIONS_MAX = 400  # of a stream: a year of days, to judge earlier versions by


def measure(
    connection: sqlite3.Connection,
    names: Mapping[str, int],
    watch: Sequence[str],
    secret: bytes,
) -> None:
    """Note what is staged of a `stream` beside that `version`, which was compared."""
    if not watch:
        return
    some = [msgspec.json.decode(body) for (body,) in connection.execute(_SAMPLE, names)]
    if some:
        fields = {each: _sketch(each, some, secret) for each in watch}
        _note(connection, names, Measures(fields=fields))


def went_back(connection: sqlite3.Connection, names: Mapping[str, int], of: int) -> None:
    """Note beside a `version` of a `stream` that it is what version `of` was, and wrote nothing."""
    _note(connection, names, Measures(back=of))


def keep(connection: sqlite3.Connection, stream: int, version: int) -> None:
    """Keep what was measured of a version that comes into force, in the caller's transaction."""
    names = {"stream": stream, "version": version, "most": VERSIONS_MAX}
    for statement in _KEEP:
        connection.execute(statement, names)


def kept(
    connection: sqlite3.Connection, *, subject: int, stream: str, provider: str, since: int, to: int
) -> list[tuple[int, Measures]]:
    """Of the versions after event `since` and up to `to`, the oldest first."""
    rows = connection.execute(_KEPT, (subject, stream, provider, since, to))
    return [(version, msgspec.json.decode(text, type=Measures)) for version, text in rows]


def forget(connection: sqlite3.Connection, subjects: Iterable[int]) -> None:
    """Keep nothing of the values in the records of these connections."""
    for statement in _FORGET:
        connection.executemany(statement, [(each,) for each in subjects])


def _note(connection: sqlite3.Connection, names: Mapping[str, int], measures: Measures) -> None:
    text = msgspec.json.encode(measures).decode()
    connection.execute(_NOTE, {**names, "measures": text})


def _sketch(field: str, records: Iterable[Any], secret: bytes) -> Sketch:
    values: list[float | str | None] = []
    hashes: dict[str, int] = {}
    rest = 0
    for record in records:
        match _value(field, record):
            case bool() as value:
                values.append(str(value))
            case None | int() | float() | str() as value:
                values.append(value)
            case _:
                rest += 1
    for value in values:
        if isinstance(value, str) and value not in hashes:
            hashed = hashlib.blake2b(value.encode(), key=secret, digest_size=HASH_BYTES)
            hashes[value] = int.from_bytes(hashed.digest(), "big")
    return value_sketch.of(values, hashes, rest)


def _value(field: str, record: Any) -> Any:
    """What it selects; nothing where it cannot be applied to this one."""
    try:
        return selector.select(field, record)
    except selector.BadExpression:
        return None


_SAMPLE = f"""
    SELECT body FROM staged WHERE stream = :stream AND version = :version AND body IS NOT NULL
    ORDER BY digest LIMIT {SAMPLE_ROWS_MAX}
"""

_NOTE = "UPDATE version SET measures = :measures WHERE stream = :stream AND version = :version"

_KEEP = (
    """
    INSERT OR REPLACE INTO measured (stream, version, measures)
    SELECT stream, version, measures FROM version
    WHERE stream = :stream AND version = :version AND measures IS NOT NULL
    """,
    """
    DELETE FROM measured WHERE stream = :stream AND version <= (
        SELECT version FROM measured WHERE stream = :stream
        ORDER BY version DESC LIMIT 1 OFFSET :most
    )
    """,
)

_KEPT = """
    SELECT version, measures FROM measured JOIN stream ON stream.id = measured.stream
    WHERE connection = ? AND name = ? AND provider = ? AND version > ? AND version <= ?
    ORDER BY version
"""

_FORGET = (
    """
    DELETE FROM measured WHERE stream IN (SELECT id FROM stream WHERE connection = ?)
    """,
    """
    UPDATE version SET measures = NULL
    WHERE measures IS NOT NULL AND stream IN (SELECT id FROM stream WHERE connection = ?)
    """,
    """
    UPDATE quarantine SET measures = NULL
    WHERE measures IS NOT NULL AND stream IN (SELECT id FROM stream WHERE connection = ?)
    """,
)
