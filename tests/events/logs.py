"""How does a test write a log of blocks of its choice, and damage it?"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from events import chain, database
from events.codec import Row

INSERT = "INSERT INTO event (seq, at, subject, body) VALUES (?, ?, ?, CAST(? AS TEXT))"
BLOCK = "INSERT INTO block (first, last, hash) VALUES (?, ?, ?)"


def write(directory: Path, blocks: Sequence[Sequence[Row]], *, marked: bool = True) -> list[bytes]:
    """Write a whole log at once, as the writer would have: the hash of each block."""
    hashes, previous = [], chain.GENESIS
    with closing(database.open_for_writing(directory / "log")) as log:
        log.execute("BEGIN")
        for block in blocks:
            previous = chain.link(previous, block)
            log.executemany(INSERT, block)
            log.execute(BLOCK, (block[0][0], block[-1][0], previous))
            hashes.append(previous)
        log.execute("COMMIT")
        log.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if marked:
        note(directory, blocks[-1][-1][0], previous)
    return hashes


def note(directory: Path, seq: int, block: bytes) -> None:
    (directory / "log.mark").write_text(f"{seq:020d} {block.hex()}\n")


def tamper(directory: Path, *statements: str) -> None:
    with closing(sqlite3.connect(directory / "log")) as log, log:
        for statement in statements:
            log.execute(statement)
