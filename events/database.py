"""What does the log look like on disk, and may this file be opened?"""

import sqlite3
from pathlib import Path

import sqlite_utils
from sqlite_utils import Migrations

from events.reading import LogUnusable

migrations = Migrations("rounds-log")


@migrations()
def create_log(db: sqlite_utils.Database) -> None:
    db.execute(
        """
        CREATE TABLE event (
            seq     INTEGER PRIMARY KEY,
            at      INTEGER NOT NULL,  -- microseconds since 1970, UTC
            subject INTEGER NOT NULL,
            body    TEXT NOT NULL,
            type    TEXT AS (json_extract(body, '$.type')) VIRTUAL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX event_subject ON event (subject)")
    db.execute(
        """
        CREATE TABLE block (
            last  INTEGER PRIMARY KEY,  -- number of the block's last event
            first INTEGER NOT NULL,
            hash  BLOB NOT NULL         -- SHA-256, see events/chain.py
        ) STRICT
        """
    )


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open, or make, the one writing connection of a log.

    Checkpoints are the writer's own (an automatic one hides its errors), so they are switched off.
    """
    fresh = not path.exists()
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        if fresh:
            path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        migrations.apply(sqlite_utils.Database(connection))
    except sqlite3.Error as error:
        raise LogUnusable(
            f"the log {path} cannot be opened ({error}); check the file and its directory's "
            "permissions, or restore a backup"
        ) from error
    return connection
