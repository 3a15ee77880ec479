"""How is a log opened by those who only read it, without what it takes to write one?"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

OpenLog: TypeAlias = sqlite3.Connection
"""A log that is open, for those who have no business with SQLite itself."""


class LogUnusable(Exception):
    """The log cannot be opened as it lies there; the sentence says why and what to do."""


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a log that this process, or another one, may be writing."""
    if not path.exists():
        raise LogUnusable(f"there is no log at {path}; start roundsd once, or name another state")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        connection.execute("SELECT 1 FROM block LIMIT 1")
    except sqlite3.Error as error:
        raise LogUnusable(f"the log {path} cannot be read ({error})") from error
    return connection


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Say it of the log, where SQLite cannot read what is asked for."""
    try:
        yield
    except sqlite3.Error as error:
        raise LogUnusable(
            f"the log {path} cannot be read to its end ({error}); run `rounds log verify`"
        ) from error
