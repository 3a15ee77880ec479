"""How is the data store opened, and how does one of an older version come to be as it is now?"""

import sqlite3
from pathlib import Path

import sqlite_utils
from sqlite_utils import Migrations

from daemon.store import tables

migrations = Migrations("rounds-data")


class StoreUnusable(Exception):
    """The data store cannot be used as it lies there; the sentence says why and what to do."""


@migrations()
def create_store(db: sqlite_utils.Database) -> None:
    for statement in tables.TABLES:
        db.execute(statement)


@migrations()
def know_days_and_types(db: sqlite_utils.Database) -> None:
    """Reads every record once, for the index; half a million take less than a second."""
    for statement in tables.DAYS_AND_TYPES:
        db.execute(statement)


@migrations()
def keep_writes(db: sqlite_utils.Database) -> None:
    db.execute(tables.OUTBOX)


@migrations()
def know_former_providers(db: sqlite_utils.Database) -> None:
    """A connection may have a stream of one name at each provider that it was ever linked to.

    SQLite cannot change what is unique in a table but by making it anew; views speak of it.
    """
    made = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'").fetchall()
    for name, _ in made:
        quoted = name.replace('"', '""')
        db.execute(f'DROP VIEW "{quoted}"')
    for statement in tables.FORMER_PROVIDERS:
        db.execute(statement)
    for _, statement in made:
        db.execute(statement)


@migrations()
def read_any_version(db: sqlite_utils.Database) -> None:
    """Reads every record once, for the indexes; a million take some seconds."""
    for statement in tables.ANY_VERSION:
        db.execute(statement)


@migrations()
def hold_versions(db: sqlite_utils.Database) -> None:
    for statement in tables.QUARANTINE:
        db.execute(statement)


@migrations()
def know_fields_of_keys_and_cursors(db: sqlite_utils.Database) -> None:
    for statement in tables.TOLD:
        db.execute(statement)


@migrations()
def know_days_beside(db: sqlite_utils.Database) -> None:
    """Reads no record: nothing is known yet of the days that they came in beside their own."""
    for statement in tables.BESIDE:
        db.execute(statement)


@migrations()
def measure_watched_fields(db: sqlite_utils.Database) -> None:
    """Reads no record: what was written before is not measured."""
    for statement in tables.MEASURED:
        db.execute(statement)


@migrations()
def keep_excerpts(db: sqlite_utils.Database) -> None:
    for statement in tables.EXCERPTS:
        db.execute(statement)


def connect(path: Path | None) -> sqlite3.Connection:
    """Open, or make, the one writing connection of the store; in memory where `path` is None."""
    try:
        fresh = path is not None and not path.exists()
        connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False
        )
        if path is not None and fresh:
            path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        migrations.apply(sqlite_utils.Database(connection))
        for statement in tables.TEMPORARY:
            connection.execute(statement)
    except sqlite3.Error as error:
        raise StoreUnusable(
            f"the data store {path} cannot be opened ({error}); check the file and its directory's "
            "permissions, or restore a backup"
        ) from error
    return connection
