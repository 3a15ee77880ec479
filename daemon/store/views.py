"""How do people see a stream: which view, with which columns?

Each stream of a provider is one view, `provider_stream`: tenant, connection, then a column a field,
the current rows of all its connections. A view is made anew when a field appears.
"""

import sqlite3
from collections.abc import Iterable

FIELDS_MAX = (
    500  # SQLite allows 2,000 columns; past this a view helps nobody: `body` holds the rest
)


def note_fields(
    connection: sqlite3.Connection, provider: str, stream: str, names: Iterable[str]
) -> bool:
    """Remember the fields that were met. True where one of them is new."""
    before = connection.total_changes
    connection.executemany(
        "INSERT OR IGNORE INTO field (provider, stream, name) VALUES (?, ?, ?)",
        [(provider, stream, name) for name in names],
    )
    return connection.total_changes > before


def refresh(connection: sqlite3.Connection, provider: str, stream: str) -> None:
    """Make the stream's view anew. Part of the caller's transaction."""
    fields = connection.execute(
        "SELECT name FROM field WHERE provider = ? AND stream = ? ORDER BY rowid LIMIT ?",
        (provider, stream, FIELDS_MAX),
    )
    view = _quoted(f"{provider}_{stream}")
    columns = "".join(f",\n    {column}" for column in _columns(name for (name,) in fields))
    connection.execute(f"DROP VIEW IF EXISTS {view}")
    connection.execute(
        f"CREATE VIEW {view} AS SELECT\n"
        f"    owner.tenant AS tenant,\n    owner.name AS connection{columns}\n"
        "FROM stream CROSS JOIN record\n"
        "ON record.stream = stream.id AND record.until IS NULL\n"
        "JOIN owner ON owner.connection = stream.connection\n"
        f"WHERE stream.provider = {_literal(provider)} AND stream.name = {_literal(stream)}"
    )


def _columns(names: Iterable[str]) -> list[str]:
    """Columns for fields. SQLite's names ignore case, so a taken one gets an underscore."""
    taken, columns = {"tenant", "connection"}, []
    for name in names:
        if '"' in name or "\x00" in name:
            continue  # SQLite has no JSON path to it
        column = name
        while column.lower() in taken:
            column += "_"
        taken.add(column.lower())
        path = _literal(f'$."{name}"')
        columns.append(f"json_extract(record.body, {path}) AS {_quoted(column)}")
    return columns


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
