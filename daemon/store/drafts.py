"""What did this sync fetch, and how does it differ from what is in force?"""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from daemon.store import heads, measures, profiles, rows, views, windows
from daemon.store.profiles import Groups, Profile
from daemon.store.quarantine import Offer
from daemon.store.told import Told
from events.terms import Mode

SHAPES_MAX = 1000  # sets of field names; past this only the body holds what is new
CHUNK_ROWS = 100  # rows a statement; one long statement releases the GIL once


class Batch(Struct, kw_only=True):
    """What one day has brought so far, or a stream that has no days."""

    fetched: int = 0
    shapes: dict[tuple[str, ...], None] = {}
    profile: Profile = msgspec.field(default_factory=Profile)


class Draft(Struct, kw_only=True):
    """One stream's records on their way in. `stream` is the store's own id of it.

    `batches` are by day in a window stream: those that count as completely fetched, once all is
    compared. Any other stream has one, under None. Its records are `told` apart and followed by
    those fields; the version in force `was`, where that is known. Only where it is `profiled` is
    anything kept of what its records look like, or compared with that; so it is with the values of
    fields that are on `watch` (JMESPath).
    """

    stream: int
    version: int
    mode: Mode
    provider: str
    name: str
    primary_key: tuple[str, ...]
    secret: bytes
    told: Told | None = None
    was: Told | None = None
    profiled: bool = True
    watch: tuple[str, ...] = ()
    batches: dict[str | None, Batch] = {}

    @property
    def fetched(self) -> int:
        return sum(batch.fetched for batch in self.batches.values())

    @property
    def days(self) -> list[str]:
        """The registered days, in order."""
        return sorted(day for day in self.batches if day is not None)


class DayCount(Struct, frozen=True, kw_only=True):
    """How many records a day brought, and how many current ones it has.

    So many of what it brought are `duplicates`: they repeat a key of that day. It is `repeated`
    where all that it brought lies in other days, unchanged.
    """

    day: str
    fetched: int
    before: int
    duplicates: int = 0
    repeated: bool = False


class Difference(Struct, frozen=True, kw_only=True):
    """What accepting a draft changes; `rows` and `digest` (hexadecimal) are of the whole stream.

    So many `fields` that every record had before are in none now, or of another type in all.
    """

    fetched: int
    added: int
    changed: int
    removed: int
    unchanged: int
    duplicates: int
    rows: int
    digest: str
    fields: int = 0


def stage(
    connection: sqlite3.Connection,
    draft: Draft,
    records: list[dict[str, Any]],
    day: str | None = None,
) -> None:
    """Stage one page of records. A key that comes again replaces what came before it."""
    windowed = draft.mode is Mode.WINDOW
    assert windowed == (day is not None), "a window stream's records come with their day, only its"
    assert day is None or date.fromisoformat(day).isoformat() == day, "a day is an ISO date"
    page: dict[str, rows.Prepared] = {}
    groups: Groups = {}
    for record in records:
        prepared = rows.prepare(record, draft.primary_key, draft.secret)
        page[prepared[0]] = prepared
        groups.setdefault(tuple(record), []).append(record.values())
    names = {"stream": draft.stream, "version": draft.version, "day": day}
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        _fill_page(connection, list(page.values()))
        for statement in windows.STAGE if windowed else _STAGE:
            connection.execute(statement, names)
    batch = draft.batches.setdefault(day, Batch())
    batch.fetched += len(records)
    profiles.add(batch.profile, groups)
    room = SHAPES_MAX - sum(len(each.shapes) for each in draft.batches.values())
    new = [shape for shape in groups if shape not in batch.shapes]
    batch.shapes.update(dict.fromkeys(new[:room]))


def drop_day(connection: sqlite3.Connection, draft: Draft, day: str) -> None:
    """Forget what was staged for a day."""
    draft.batches.pop(day, None)  # first: should the rest fail, absence yet removes nothing of it
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        windows.drop(connection, draft.stream, day)


def days(connection: sqlite3.Connection, draft: Draft) -> list[DayCount]:
    """Each registered day, in order."""
    before = windows.count(connection, draft.stream, draft.days)
    repeated = windows.repeated(connection, draft.stream)
    different = windows.different(connection, draft.stream)
    return [
        DayCount(
            day=day,
            fetched=draft.batches[day].fetched,
            before=before.get(day, 0),
            duplicates=draft.batches[day].fetched - different.get(day, 0),
            repeated=day in repeated,
        )
        for day in draft.days
    ]


def compare(
    connection: sqlite3.Connection,
    draft: Draft,
    cursor: str | None,
    types: Mapping[str, str] | None = None,
) -> Difference:
    """Say what the draft changes; keep its cursor, its columns' types and new fields beside it.

    Called only once everything has been fetched: then absence removes, where a stream is full, or
    inside the registered days. A cursor or types of None leave those before in force, unless that
    cursor is of another field.
    """
    names = {"stream": draft.stream, "version": draft.version}
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        before = heads.current(connection, draft.stream)
        if draft.mode is Mode.FULL:
            connection.execute(_REMOVE, names)
        elif draft.mode is Mode.WINDOW:
            windows.settle(connection, names, draft.days)
        fields = views.lacking(connection, draft.provider, draft.name, _fields(draft))
        added, changed, removed = connection.execute(COUNT, names).fetchone()
        (touched,) = connection.execute(_SEEN, names).fetchone()
        digest = rows.combine(
            before.digest,
            (row for (row,) in connection.execute(_DIGESTS_IN, names)),
            (row for (row,) in connection.execute(DIGESTS_OUT, names)),
        )
        seen = profiles.join([batch.profile for batch in draft.batches.values()])
        was = before.profile if draft.profiled else None
        broken = profiles.broken(was, seen, typed=types is None)
        offer = Offer(
            fetched=draft.fetched,
            added=added,
            changed=changed,
            removed=removed,
            unchanged=touched - changed,
            duplicates=draft.fetched - added - touched,
            rows=before.count + added - removed,
            digest=digest.hex(),
            days=tuple(draft.days),
            broken=profiles.shown(broken),
        )
        kept = heads.Head(
            count=offer.rows,
            digest=digest,
            cursor=cursor or (before.cursor if before.told in (None, draft.told) else None),
            types=before.types if types is None else msgspec.json.encode(types).decode(),
            profile=profiles.carried(was, profiles.known(seen), whole=draft.mode is Mode.FULL)
            if draft.profiled
            else None,
            told=draft.told,
        )
        heads.put(connection, draft.stream, draft.version, kept, offer=offer, fields=fields)
        if draft.profiled:
            measures.measure(connection, names, draft.watch, draft.secret)
    return _difference(offer, len(broken))


def _fields(draft: Draft) -> Iterator[str]:
    """The names of all fields that were met, as they came; many of them again and again."""
    return (name for batch in draft.batches.values() for shape in batch.shapes for name in shape)


def _difference(offer: Offer, fields: int) -> Difference:
    return Difference(
        fetched=offer.fetched,
        added=offer.added,
        changed=offer.changed,
        removed=offer.removed,
        unchanged=offer.unchanged,
        duplicates=offer.duplicates,
        rows=offer.rows,
        digest=offer.digest,
        fields=fields,
    )


def _fill_page(connection: sqlite3.Connection, page: list[rows.Prepared]) -> None:
    connection.execute("DELETE FROM page")
    for start in range(0, len(page), CHUNK_ROWS):
        chunk = page[start : start + CHUNK_ROWS]
        values = ", ".join(["(?, ?, ?)"] * len(chunk))
        connection.execute(
            f"INSERT INTO page (key, digest, body) VALUES {values}",
            [value for row in chunk for value in row],
        )


_STAGE = (
    "DELETE FROM staged WHERE stream = :stream AND key IN (SELECT key FROM page)",
    """
    INSERT OR IGNORE INTO seen (stream, record)
    SELECT :stream, record.id FROM page CROSS JOIN record
    ON record.stream = :stream AND record.key = page.key AND record.until IS NULL
    """,
    """
    INSERT INTO staged (stream, version, key, digest, replaces, body)
    SELECT :stream, :version, page.key, page.digest, record.id, page.body
    FROM page LEFT JOIN record
    ON record.stream = :stream AND record.key = page.key AND record.until IS NULL
    WHERE record.id IS NULL OR record.digest <> page.digest
    """,
)

_REMOVE = """
    INSERT INTO staged (stream, version, key, digest, replaces)
    SELECT :stream, :version, key, digest, id FROM record
    WHERE stream = :stream AND until IS NULL
    AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.stream = :stream AND seen.record = record.id)
"""

COUNT = """
    SELECT
        count(*) FILTER (WHERE replaces IS NULL),
        count(*) FILTER (WHERE replaces IS NOT NULL AND body IS NOT NULL),
        count(*) FILTER (WHERE body IS NULL)
    FROM staged WHERE stream = :stream AND version = :version
"""

_SEEN = "SELECT count(*) FROM seen WHERE stream = :stream"

_DIGESTS_IN = """
    SELECT digest FROM staged WHERE stream = :stream AND version = :version AND body IS NOT NULL
"""

DIGESTS_OUT = """
    SELECT record.digest FROM staged JOIN record ON record.id = staged.replaces
    WHERE staged.stream = :stream AND staged.version = :version
"""
