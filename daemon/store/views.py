"""How do people see a stream: which view, with which columns?

Each stream of a provider is one view, `provider_stream`: tenant, connection, then a column a field,
the current rows of all its connections. A view is made anew when a field appears.
"""

import re
import sqlite3
from collections.abc import Iterable

import msgspec

FIELDS_MAX = 500  # SQLite allows 2,000 columns; past this a view helps nobody, the body has all

UNNAMEABLE = {"true", "false"}  # SQLite gives a view's column of that name another one

RESERVED = re.compile(r"sqlite_.*|record_current|staged_key")
"""Names that SQLite keeps for itself, and our indexes': no view can have them."""


def lacking(
    connection: sqlite3.Connection, provider: str, stream: str, names: Iterable[str]
) -> list[str]:
    """Those of the fields that the stream's view has no column for, as far as it has room."""
    known = {
        name
        for (name,) in connection.execute(
            "SELECT name FROM field WHERE provider = ? AND stream = ?", (provider, stream)
        )
    }
    new = dict.fromkeys(name for name in names if name not in known)
    return [*new][: max(FIELDS_MAX - len(known), 0)]


def note_fields(
    connection: sqlite3.Connection, provider: str, stream: str, names: Iterable[str]
) -> None:
    """Remember the fields of what comes into force, as far as a view has room for them."""
    new = lacking(connection, provider, stream, names)
    connection.executemany(
        "INSERT INTO field (provider, stream, name) VALUES (?, ?, ?)",
        [(provider, stream, name) for name in new],
    )


def refresh(connection: sqlite3.Connection, provider: str, stream: str) -> None:
    """Make the stream's view anew if it lacks a field. Part of the caller's transaction.

    What decides is the view as it stands: fields are noted for all connections of the provider.
    """
    fields = connection.execute(
        "SELECT name FROM field WHERE provider = ? AND stream = ? ORDER BY rowid LIMIT ?",
        (provider, stream, FIELDS_MAX),
    )
    name = f"{provider}_{stream}"
    view = _quoted(name)
    columns = "".join(f",\n    {column}" for column in _columns(field for (field,) in fields))
    wanted = (
        f"CREATE VIEW {view} AS SELECT\n"
        f"    owner.tenant AS tenant,\n    owner.name AS connection{columns}\n"
        "FROM stream CROSS JOIN record\n"
        "ON record.stream = stream.id AND record.until IS NULL\n"
        "JOIN owner ON owner.connection = stream.connection\n"
        f"WHERE stream.provider = {_literal(provider)} AND stream.name = {_literal(stream)}"
    )
    found = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'view' AND name = ?", (name,)
    ).fetchone()
    if found != (wanted,):
        connection.execute(f"DROP VIEW IF EXISTS {view}")
        connection.execute(wanted)


def _columns(names: Iterable[str]) -> list[str]:
    """Columns for fields. SQLite's names ignore case, so a taken one gets an underscore."""
    taken, columns = {"tenant", "connection", *UNNAMEABLE}, []
    for name in names:
        if '"' in name or "\x00" in name:
            continue  # SQLite has no JSON path to it
        column = name
        while column.lower() in taken:
            column += "_"
        taken.add(column.lower())
        path = _literal(f"$.{msgspec.json.encode(name).decode()}")  # escaped as in the body
        columns.append(f"json_extract(record.body, {path}) AS {_quoted(column)}")
    return columns


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
