"""What does the vault's file look like on disk, and who may open it?"""

import sqlite3
from pathlib import Path

import sqlite_utils
from sqlite_utils import Migrations

from daemon import private_file
from daemon.keyring import VaultFull, VaultUnusable
from events.writer import FULL

migrations = Migrations("rounds-vault")


@migrations()
def create_vault(db: sqlite_utils.Database) -> None:
    db.execute(
        """
        CREATE TABLE name (
            subject INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
            kind    TEXT NOT NULL,
            name    TEXT NOT NULL,
            UNIQUE (kind, name)
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE secret (
            subject INTEGER NOT NULL,
            purpose TEXT NOT NULL,
            tenant  INTEGER NOT NULL,
            key     INTEGER NOT NULL,  -- version of the master key
            nonce   BLOB NOT NULL,
            sealed  BLOB NOT NULL,
            PRIMARY KEY (subject, purpose)
        ) STRICT
        """
    )


def connect(path: Path | None) -> sqlite3.Connection:
    try:
        if path is not None:
            private_file.make(path)
            for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                private_file.shut(each)
        connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        migrations.apply(sqlite_utils.Database(connection))
    except (sqlite3.Error, OSError) as error:
        raise why_closed(path, error) from error
    return connection


def why_closed(path: Path | None, error: Exception) -> VaultFull | VaultUnusable:
    if isinstance(error, sqlite3.Error) and error.sqlite_errorcode in FULL:
        return VaultFull()
    return VaultUnusable(
        f"the vault {path} cannot be opened ({error}); check the disk and the permissions, or put "
        "the vault back from your backup, with its key"
    )
