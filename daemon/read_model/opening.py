"""How is the read model's file opened, put in another's place, and taken away?"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from events.writer import FULL

Connection: TypeAlias = sqlite3.Connection
"""An open file, for those who have no business with SQLite itself."""

MODE = 0o640  # all tenants are in it: for the daemon's user, and a group that operators are in
BUSY_MS = 5000  # a reader that makes a checkpoint wait for longer is not waited for
WAL_BYTES = 8 * 1024 * 1024  # what is left of it once it begins again; SQLite's own wish is 4 MB
WAL_BYTES_MAX = 256 * 1024 * 1024  # under a question of hours; a file made anew is rarely as large
ROOM_BYTES = 32 * 1024 * 1024  # the log's ballast some times, and what a batch here may add to it
BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class ReadModelUnusable(Exception):
    """The file cannot be used as it lies there; begun anew, it can."""


class ReadModelDamaged(ReadModelUnusable):
    """What lies in the file makes no sense."""


class ReadModelBusy(ReadModelUnusable):
    """It cannot be used just now, and there is nothing wrong with the file."""


class ReadModelFull(Exception):
    """There is no room on the disk. What was not written is written once there is."""

    def __init__(self) -> None:
        super().__init__("the disk is full, but for what the log may need: free some space")


@contextmanager
def at_once(connection: Connection) -> Iterator[int]:
    """One moment for all that is read meanwhile: up to which event that is."""
    connection.execute("BEGIN")
    try:
        (seq,) = connection.execute("SELECT seq FROM position").fetchone()
        yield seq
    finally:
        connection.execute("COMMIT")


def check_room(path: Path, more: int = 0) -> None:
    """Raise ReadModelFull where `more` bytes would leave too little of the disk to the log."""
    if shutil.disk_usage(path.parent).free < ROOM_BYTES + more:
        raise ReadModelFull


def remove(*paths: Path) -> None:
    """Take files away, and what SQLite keeps beside them. Raises ReadModelUnusable."""
    with told():
        for path in paths:
            for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                name.unlink(missing_ok=True)


def replace(path: Path, by: Path) -> None:
    """Put a file that is whole, and that nobody has open, in the place of another one.

    Raises ReadModelFull, and ReadModelUnusable.
    """
    remove(path)
    with told():
        by.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open it for questions. Raises ReadModelUnusable."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            check_same_thread=False,
            isolation_level=None,
        )
        connection.execute("SELECT 1 FROM position").fetchone()
    except sqlite3.Error as error:
        raise ReadModelUnusable(str(error)) from error
    return connection


def connect(path: Path | None, *, draft: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
    try:
        if path is not None:
            path.chmod(MODE)
            connection.execute(f"PRAGMA journal_mode = {'OFF' if draft else 'WAL'}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        # What is lost is in the log.
        connection.execute(f"PRAGMA synchronous = {'OFF' if draft else 'NORMAL'}")
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def told() -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code in FULL or getattr(error, "errno", None) == errno.ENOSPC:
            raise ReadModelFull from error
        if kind(error) in BUSY:
            raise ReadModelBusy(str(error)) from error
        raise ReadModelUnusable(str(error)) from error


def kind(error: Exception) -> int | None:
    """What SQLite calls it: of an extended result code, the part that does not say more."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
