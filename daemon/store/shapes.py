"""How have a stream's fields changed between the oldest version since then and a later one?

It goes by the fields that every record had (`profiles`), and so it tells of those versions alone of
which something is known. Names of fields are the provider's words: they leave in answers, and never
stand in an event.
"""

import sqlite3

from daemon.shape import FieldShift, Shape
from daemon.store import profiles
from daemon.store.profiles import SHOWN_MAX, Known


def shape(
    connection: sqlite3.Connection, *, subject: int, stream: str, provider: str, since: int, to: int
) -> Shape | None:
    """Between the first version after event `since` and the last one up to `to`."""
    rows = [
        connection.execute(
            "SELECT version, profile FROM version JOIN stream ON stream.id = version.stream "
            "WHERE connection = ? AND name = ? AND provider = ? AND version <= head "
            f"AND version > ? AND version <= ? AND profile IS NOT NULL ORDER BY version {order} "
            "LIMIT 1",
            (subject, stream, provider, since, to),
        ).fetchone()
        for order in ("ASC", "DESC")
    ]
    if rows[0] is None or rows[0] == rows[1]:
        return None
    (first, early), (last, late) = rows
    before, after = profiles.read(early), profiles.read(late)
    assert before is not None, "it was asked for"
    assert after is not None, "it was asked for"
    found = _between(before, after)
    return Shape(before=first, after=last, shifts=len(found), shown=found[:SHOWN_MAX])


def _between(before: Known, after: Known) -> list[FieldShift]:
    appeared = [
        FieldShift(field=name, how="appeared", after=type_)
        for name, type_ in after.items()
        if name not in before
    ]
    gone = [
        FieldShift(field=name, how="gone", before=type_)
        for name, type_ in before.items()
        if name not in after
    ]
    retyped = [
        FieldShift(field=name, how="retyped", before=type_, after=after[name])
        for name, type_ in before.items()
        if name in after and type_ != after[name]
    ]
    return [*gone, *retyped, *appeared]
