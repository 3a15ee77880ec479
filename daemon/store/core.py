"""What can be done with the data store? Synchronous, on one connection, one call at a time."""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from daemon.store import doubts, drafts, heads, outbox, schema, versions
from daemon.store.drafts import DayCount, Difference, Draft
from daemon.store.outbox import Letter
from daemon.store.schema import StoreUnusable
from daemon.store.told import Told
from daemon.store.versions import Page
from events.terms import Mode
from events.writer import FULL

T = TypeVar("T")

NOTHING_HELD: Mapping[tuple[int, str, str], int] = MappingProxyType({})


class StoreFull(Exception):
    """There is no room on the disk. Nothing that was accepted is lost."""


class StoreBroken(Exception):
    """The store's file failed in a way after which it cannot be trusted; the process must end."""


class Position(Struct, frozen=True, kw_only=True):
    """Where a stream stands: its cursor as JSON, None at the beginning; column → type."""

    cursor: str | None = None
    types: dict[str, str] = {}


class Store:
    def __init__(self, path: Path | None) -> None:
        """Open the store, in memory where `path` is None. Raises StoreUnusable."""
        self._connection = schema.connect(path)
        # stream → version that the log has, and a full disk not: in force, or held
        self._owed: dict[int, int] = {}
        self._holds: dict[int, int] = {}

    def close(self) -> None:
        self._connection.close()

    def name_all(self, names: Mapping[int, tuple[str, str]]) -> None:
        """Note what people call connections (tenant, name), where that is not known yet."""
        new = [(each, *called) for each, called in names.items() if self._called(each) != called]
        if not new:
            return
        with self._writing():
            self._connection.executemany(
                "INSERT OR REPLACE INTO owner (connection, tenant, name) VALUES (?, ?, ?)", new
            )

    def _called(self, connection: int) -> tuple[str, str] | None:
        called = "SELECT tenant, name FROM owner WHERE connection = ?"
        row: tuple[str, str] | None = self._connection.execute(called, (connection,)).fetchone()
        return row

    def begin(
        self,
        connection: int,
        provider: str,
        stream: str,
        *,
        version: int,
        mode: Mode,
        primary_key: tuple[str, ...],
        secret: bytes,
        follows: str | None = None,
    ) -> Draft:
        """Open a draft; what an earlier one of this stream left behind is accepted or dropped.

        The cursor `follows` that field.
        """
        with self._writing():
            self._connection.execute(
                "INSERT OR IGNORE INTO stream (connection, provider, name) VALUES (?, ?, ?)",
                (connection, provider, stream),
            )
            (stream_id,) = self._connection.execute(
                "SELECT id FROM stream WHERE connection = ? AND provider = ? AND name = ?",
                (connection, provider, stream),
            ).fetchone()
            if stream_id in self._owed:
                heads.accept(self._connection, stream_id, self._owed[stream_id])
            if stream_id in self._holds:
                doubts.hold(self._connection, stream_id, self._holds[stream_id])
            heads.drop(self._connection, stream_id)
            was = heads.current(self._connection, stream_id).told
        self._owed.pop(stream_id, None)
        self._holds.pop(stream_id, None)
        return Draft(
            stream=stream_id,
            version=version,
            mode=mode,
            provider=provider,
            name=stream,
            primary_key=primary_key,
            secret=secret,
            told=Told(key=primary_key, cursor=follows),
            was=was,
        )

    def stage(self, draft: Draft, records: list[dict[str, Any]], day: str | None = None) -> None:
        """Stage one page of records, each with a whole primary key.

        In window mode they came in `day` (ISO date), which counts as completely fetched unless it
        is dropped; a day that brought nothing is staged once without records.
        """
        with self._guarded():
            drafts.stage(self._connection, draft, records, day)

    def drop_day(self, draft: Draft, day: str) -> None:
        """Forget a day whose fetch failed or was refused; what it had stays as it was."""
        with self._guarded():
            drafts.drop_day(self._connection, draft, day)

    def days(self, draft: Draft) -> list[DayCount]:
        """What each day that was staged, and not dropped, brought and has; in order."""
        with self._guarded():
            return drafts.days(self._connection, draft)

    def compare(
        self, draft: Draft, cursor: str | None, types: Mapping[str, str] | None = None
    ) -> Difference:
        with self._guarded():
            return drafts.compare(self._connection, draft, cursor, types)

    def accept(self, *accepted: Draft) -> None:
        """Make drafts the versions in force, all at once. The event that says so is durable by now.

        Where the disk has no room for it, `make_up`, or the next `begin`, makes up for it.
        """
        self._owed.update({draft.stream: draft.version for draft in accepted})
        with self._writing():
            for draft in accepted:
                heads.accept(self._connection, draft.stream, draft.version)
        for draft in accepted:
            del self._owed[draft.stream]

    def make_up(self, *accepted: Draft) -> None:
        """Accept those of them that the disk had no room for, and nothing has made up for yet."""
        self.accept(*(each for each in accepted if self._owed.get(each.stream) == each.version))

    def change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Change something in one transaction, as `restoring`, `pruning` and `doubts` do."""
        with self._writing():
            return change(self._connection)

    def drop(self, draft: Draft) -> None:
        """Forget a draft."""
        with self._writing():
            heads.drop(self._connection, draft.stream)

    def hold(self, draft: Draft) -> None:
        """Hold a draft beside the version in force. Its RecordsQuarantined is durable by now.

        Where the disk has no room for it, the next `begin` makes up for it.
        """
        self._holds[draft.stream] = draft.version
        with self._writing():
            doubts.hold(self._connection, draft.stream, draft.version)
        del self._holds[draft.stream]

    def position(self, connection: int, stream: str, provider: str | None = None) -> Position:
        """Where the next fetch goes on, and as what its columns are read.

        Of that provider's stream, or of whichever provider's was captured last.
        """
        with self._guarded():
            row = self._connection.execute(
                "SELECT cursor, coalesce(types, '{}') FROM stream JOIN version "
                "ON version.stream = stream.id AND version.version = stream.head "
                f"WHERE {_NAMED}",
                (connection, stream, provider, provider),
            ).fetchone()
        if row is None:
            return Position()
        return Position(cursor=row[0], types=msgspec.json.decode(row[1], type=dict[str, str]))

    def reconcile(
        self,
        captured: Mapping[tuple[int, str, str], int],
        last: int,
        held: Mapping[tuple[int, str, str], int] = NOTHING_HELD,
    ) -> list[int]:
        """Make the store agree with the log after a crash.

        `captured` gives the last recorded version of each stream (connection, provider, name),
        `held` the one that is held of it, `last` the log's last number. Drafts that were recorded
        are accepted, or held, the others dropped, and so is what is held no more.
        Returns the connections of which the store holds older records than the log speaks of (it is
        an older copy, or was deleted): their next syncs make up for it, but for days that lie
        before what their windows ask for.

        Raises StoreUnusable where the store knows versions that the log does not.
        """
        with self._writing():
            streams = self._connection.execute(
                "SELECT id, connection, provider, name, head FROM stream"
            ).fetchall()
            for stream, connection, provider, name, head in streams:
                recorded = captured.get((connection, provider, name), 0)
                if head > recorded:
                    raise StoreUnusable(
                        f"the data store has version {head} of a stream of which the log, which "
                        f"ends at event {last}, knows version {recorded}: one of the two is an "
                        "older copy; restore both from the same backup"
                    )
                if recorded > head and heads.knows(self._connection, stream, recorded):
                    heads.accept(self._connection, stream, recorded)
                holding = held.get((connection, provider, name))
                doubts.reconcile(self._connection, stream, holding)
        return heads.behind(self._connection, captured)

    def show(
        self,
        connection: int,
        stream: str,
        *,
        after: str | None,
        limit: int,
        provider: str | None = None,
    ) -> Page | None:
        """Some current records in the order of their keys; None where there is no such stream.

        Of that provider's stream, or of whichever provider's was captured last.
        """
        with self._guarded():
            return versions.show(
                self._connection, connection, stream, after=after, limit=limit, provider=provider
            )

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask of what was, as `versions` and `differences` do; nothing is written."""
        with self._guarded():
            return question(self._connection)

    def put_letter(self, connection: int, letter: Letter) -> int:
        """Keep what is to be written; its row, once that is on disk."""
        with self._writing():
            return outbox.put(self._connection, connection, letter)

    def letter(self, connection: int, row: int) -> Letter | None:
        with self._guarded():
            return outbox.get(self._connection, connection, row)

    def letter_paths(self, rows: Iterable[int]) -> dict[int, str]:
        with self._guarded():
            return outbox.paths(self._connection, rows)

    def discard_letters(self, rows: Iterable[int]) -> None:
        with self._writing():
            outbox.discard(self._connection, rows)

    def reconcile_letters(self, waiting: Mapping[int, int]) -> Collection[int]:
        """Make the outbox agree with the log; which rows (row → connection) are missing."""
        with self._writing():
            return outbox.reconcile(self._connection, waiting)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._guarded(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                raise  # ours: the file is sound
            if error.sqlite_errorcode not in FULL:
                raise StoreBroken(
                    f"the data store cannot be written any more ({error}); check the disk, then "
                    "start rounds again"
                ) from error
            if self._connection.in_transaction:
                self._connection.rollback()
            raise StoreFull from error


_NAMED = "connection = ? AND name = ? AND (? IS NULL OR provider = ?) ORDER BY head DESC LIMIT 1"
