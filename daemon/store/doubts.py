"""What becomes of drafts that were doubted? In the caller's transaction."""

import sqlite3

from daemon.store import heads, quarantine
from daemon.store.drafts import Draft
from daemon.store.quarantine import Offer
from events.terms import Mode


def refuse(connection: sqlite3.Connection, draft: Draft) -> None:
    """Forget a draft, but for how its fields differ from those before."""
    quarantine.note(connection, draft.stream, draft.version)
    heads.drop(connection, draft.stream)


def hold(connection: sqlite3.Connection, stream: int, version: int) -> None:
    """Hold what was compared, and forget whatever else is staged."""
    quarantine.note(connection, stream, version)
    quarantine.hold(connection, stream, version)
    heads.drop(connection, stream)


def stage(
    connection: sqlite3.Connection,
    whose: int,
    provider: str,
    stream: str,
    *,
    held: int,
    version: int,
) -> tuple[Draft, Offer] | None:
    """Stage what is held once more, as that version, to be accepted or dropped; it stays held.

    None where it is not there, or was compared with another version than the one in force.
    """
    found = quarantine.find(connection, whose, stream, provider)
    if found is None or found.version != held or found.base != found.head:
        return None
    heads.drop(connection, found.stream)
    quarantine.stage(connection, found.stream, version)
    draft = Draft(
        stream=found.stream,
        version=version,
        mode=Mode.FULL,
        provider=provider,
        name=stream,
        primary_key=(),
        secret=b"",
    )
    return draft, found.offer


def drop(connection: sqlite3.Connection, whose: int, stream: str, version: int) -> None:
    """Forget that version, whichever provider's stream of that name holds it."""
    named = "SELECT id FROM stream WHERE connection = ? AND name = ?"
    for (found,) in connection.execute(named, (whose, stream)).fetchall():
        quarantine.drop(connection, found, version)


def reconcile(connection: sqlite3.Connection, stream: int, version: int | None) -> None:
    """Hold that version of a stream and no other, as the log has it: None is none.

    What was compared, and recorded as held, is moved there now; what else is staged, is dropped.
    """
    compared = "SELECT 1 FROM version WHERE stream = ? AND version = ?"
    if version is not None and connection.execute(compared, (stream, version)).fetchone():
        hold(connection, stream, version)
    for (other,) in connection.execute(
        "SELECT version FROM quarantine WHERE stream = ? AND version IS NOT ?", (stream, version)
    ).fetchall():
        quarantine.drop(connection, stream, other)
    heads.drop(connection, stream)
