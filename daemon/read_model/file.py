"""What can be done with the read model's file? Synchronous, on its one writing connection.

Everything in it follows from the log, so nothing is mended: what cannot be used is begun anew.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from daemon.read_model import opening, outside, passes, reports, schema, summed, sums, turns, views
from daemon.read_model.keeping import RETRIES_KEPT
from daemon.read_model.opening import MODE, WAL_BYTES_MAX, ReadModelUnusable
from daemon.read_model.pruning import prune
from daemon.read_model.rows import Member, Row, Rows
from daemon.read_model.timestamps import SECOND, iso

SCRIPTS = (
    schema.TABLES,
    outside.TABLES,
    views.VIEWS,
    passes.VIEWS,
    outside.VIEWS,
    summed.VIEWS,
)


class Position(Struct, frozen=True, kw_only=True):
    """Up to which event all is in, in which block that lies, and the latest time so far.

    It is `whole` once how things stand is in it of every subject.
    """

    seq: int = 0
    block: str = ""
    at: datetime | None = None
    whole: bool = False


class Standing(Struct, frozen=True, kw_only=True):
    """How things stand with some subjects: their rows. Of `connections` all streams are given.

    Of `reporters` those that may report have a row in `sources`.
    """

    connections: tuple[int, ...] = ()
    accounts: tuple[Row, ...] = ()
    streams: tuple[Row, ...] = ()
    tenants: tuple[Row, ...] = ()
    names: tuple[Row, ...] = ()
    reporters: tuple[int, ...] = ()
    sources: tuple[Row, ...] = ()


NOTHING_STANDS = Standing()


class ReadModel:
    """The file at `path`, in memory where that is None. `code` tells whose rows these are.

    A `draft` is filled at once, and worth nothing before it is whole: no journal is kept for it.
    Retries that have ended are kept for `retries_kept`.
    """

    def __init__(
        self,
        path: Path | None,
        code: str,
        *,
        retries_kept: timedelta = RETRIES_KEPT,
        draft: bool = False,
    ) -> None:
        """Raises ReadModelUnusable, and ReadModelFull."""
        self.path = path
        self._code = code
        self._retries_kept = retries_kept
        self._draft = draft
        with opening.told():
            if path is not None and not path.exists():
                self._check_room()
            self.connection = opening.connect(path, draft=draft)
            try:
                self._make()
            except BaseException:
                self.connection.close()
                raise

    def close(self) -> None:
        self.connection.close()

    def position(self) -> Position:
        """Raises ReadModelUnusable, as all that reads it does."""
        ((seq, block, at, whole),) = self._rows("SELECT seq, block, at, whole FROM position")
        try:
            when = datetime.fromisoformat(at) if at else None
        except ValueError as error:
            raise ReadModelUnusable(str(error)) from error
        return Position(seq=seq, block=block, at=when, whole=bool(whole))

    def members(self) -> dict[int, Member]:
        names = Member.__struct_fields__
        rows = self._rows(f"SELECT connection, {', '.join(names)} FROM member")
        return {row[0]: Member(**dict(zip(names, row[1:], strict=True))) for row in rows}

    def said(self) -> dict[int, int]:
        """What tenants said of details; what is believed of others under 0."""
        return dict(self._rows("SELECT subject, granted FROM consent"))

    def reporters(self) -> dict[int, int]:
        """Whose each source is that reports from outside."""
        return dict(self._rows("SELECT source, tenant FROM reporter"))

    def _rows(self, sql: str) -> list[Row]:
        with opening.told():
            return self.connection.execute(sql).fetchall()

    def check(self, *, wal: bool) -> None:
        """Raise ReadModelUnusable where another file lies there, or none: somebody may delete it.

        With `wal` also where its WAL is beyond its bound. It begins again only once no question
        needs what is in it, and there may be one that never ends; that one keeps its own file.
        """
        if self.path is None:
            return
        try:
            found, beside = self.path.stat(), Path(f"{self.path}-wal").stat()
        except OSError:
            raise ReadModelUnusable("it was deleted") from None
        if (found.st_dev, found.st_ino) != self._inode:
            raise ReadModelUnusable("it was deleted")
        if wal and beside.st_size > WAL_BYTES_MAX:
            raise ReadModelUnusable("a question that does not end made it grow without bound")

    def write(
        self,
        position: Position,
        rows: Rows | None,
        members: Mapping[int, Member],
        standing: Standing = NOTHING_STANDS,
    ) -> None:
        """Write what is known up to a position, all of it or nothing.

        Raises ReadModelFull, and ReadModelUnusable.
        """
        with opening.told():
            self._check_room()
        with opening.told(), self._writing():
            if rows is not None:
                self._insert(rows, members)
            self._stand(standing)
            before = self.position().at
            self._move(position)
            if position.at is not None and not self._draft:
                prune(self.connection, position.seq, position.at, self._retries_kept, before)

    def take_in(self, path: Path) -> None:
        """Add what another draft has, of other connections."""
        with opening.told():
            self._check_room(path)
            self.connection.execute("ATTACH ? AS other", (str(path),))
            with self._writing():
                sums.take_in(self.connection)
            self.connection.execute("DETACH other")

    def finish(self, position: Position) -> None:
        """Make of a draft a file that is whole, on disk, up to a position."""
        with opening.told():
            self._check_room(self.path)  # indexes are smaller than what they are of
            self._draft = False
            with self._writing():
                self._move(position)
                _run(self.connection, schema.INDEXES)
                if position.at is not None:
                    prune(self.connection, position.seq, position.at, self._retries_kept)
            self.connection.execute("PRAGMA synchronous = FULL")
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.close()

    def _check_room(self, size_of: Path | None = None) -> None:
        """Raise ReadModelFull where there is too little room, or for as much as in that file."""
        if self.path is not None:
            opening.check_room(self.path, size_of.stat().st_size if size_of else 0)

    def _make(self) -> None:
        connection = self.connection
        found = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = 'position'"
        ).fetchone()[0]
        if found:
            kept_s = self._retries_kept // SECOND
            found = connection.execute("SELECT code, retries_kept_s FROM position").fetchone()
            if found is None or found[0] != self._code:
                raise ReadModelUnusable("another version of rounds wrote it")
            if found[1] != kept_s:
                raise ReadModelUnusable(f"retries that have ended are now kept for {kept_s} s")
        else:
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise ReadModelUnusable("it is no read model of rounds")
            with self._writing():
                for script in SCRIPTS:
                    _run(connection, script)
                if not self._draft:
                    _run(connection, schema.INDEXES)
                row = (1, self._code, 0, "", "", 0, self._retries_kept // SECOND)
                connection.execute(_insert("position", len(row)), row)
        if self.path is not None:
            self.path.chmod(MODE)
            found = self.path.stat()
            self._inode = (found.st_dev, found.st_ino)

    def _insert(self, rows: Rows, members: Mapping[int, Member]) -> None:
        many = self.connection.executemany
        for subject in rows.forgotten:
            sums.forget_details(self.connection, subject)
        reports.forget_written(self.connection, rows.forgotten)
        if rows.forgotten:
            turns.forget_written(self.connection, rows.forgotten)
        many(_insert("consent", 2, "INSERT OR REPLACE"), rows.said.items())
        known = ((each, *msgspec.structs.astuple(members[each])) for each in rows.members)
        many(_insert("member", 9, "INSERT OR REPLACE"), known)
        many(_insert("turn", 16), rows.turns.values())
        many(
            "UPDATE turn SET status = ?, ended = ?, duration_ms = ?, records = ?, cause = ?, "
            "message = ?, reason = ? WHERE id = ? AND connection = ?",
            rows.turns_ended,
        )
        many(_insert("occurrence", 6), rows.occurrences)
        many(_insert("failure", 14), rows.failures)
        many(_insert("retry", 14), rows.retries)
        many(
            "UPDATE retry SET status = ?, due = coalesce(?, due), ended = ?, duration_ms = ? "
            "WHERE id = ?",
            rows.retries_moved,
        )
        many(_insert("pass", 13), rows.passes)
        many(_insert("trace", 11), rows.traces)
        sums.add(self.connection, rows)
        reports.add(self.connection, rows.reporters, rows.reports)

    def _stand(self, standing: Standing) -> None:
        many = self.connection.executemany
        many(_insert("name", 2, "INSERT OR REPLACE"), standing.names)
        many("DELETE FROM account WHERE connection = ?", ((each,) for each in standing.connections))
        many("DELETE FROM stream WHERE connection = ?", ((each,) for each in standing.connections))
        many(_insert("account", 33), standing.accounts)
        many(_insert("stream", 14), standing.streams)
        many(_insert("tenant", 12, "INSERT OR REPLACE"), standing.tenants)
        many("DELETE FROM source WHERE source = ?", ((each,) for each in standing.reporters))
        many(_insert("source", 15), standing.sources)

    def _move(self, position: Position) -> None:
        at = iso(position.at) if position.at else ""
        row = (position.seq, position.block, at, int(position.whole))
        self.connection.execute("UPDATE position SET seq = ?, block = ?, at = ?, whole = ?", row)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")


def _insert(table: str, columns: int, how: str = "INSERT") -> str:
    return f"{how} INTO {table} VALUES ({', '.join('?' * columns)})"


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Run statements one by one, in the transaction that is open: `executescript` would end it."""
    for statement in _statements(script):
        connection.execute(statement)


def _statements(script: str) -> Iterable[str]:
    found = ""
    for line in script.splitlines(keepends=True):
        found += line
        if sqlite3.complete_statement(found):
            yield found
            found = ""
