"""Which number stands for a name? Names lie in the vault's file, so that they can be forgotten.

Every tenant, provider, connection and source has one number, its subject, by which the log speaks
of it.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Literal

NameKind = Literal["tenant", "provider", "connection", "source"]


class Names:
    """The names of a vault, as its file holds them and all in memory."""

    def __init__(
        self, execute: Callable[..., Any], writing: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """`execute` runs a statement in the vault's file, durably where it stands in `writing`."""
        self._execute = execute
        self._writing = writing
        self._subjects: dict[tuple[str, str], int] = {}
        self._names: dict[int, str] = {}
        for row in execute("SELECT kind, name, subject FROM name"):
            self._remember(*row)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._names)

    def subject(self, kind: NameKind, name: str) -> int | None:
        return self._subjects.get((kind, name))

    def name(self, subject: int) -> str:
        """What people call it; its number where the name has been forgotten."""
        return self._names.get(subject, f"#{subject}")

    def enrol(self, kind: NameKind, name: str) -> int:
        """The subject of that name, given now if it has none. Durable on return."""
        self.enrol_all(kind, [name])
        return self._subjects[kind, name]

    def enrol_all(self, kind: NameKind, names: Iterable[str]) -> None:
        """Give subjects to those of the names that have none, in one commit."""
        new = [name for name in dict.fromkeys(names) if (kind, name) not in self._subjects]
        if not new:
            return
        with self._writing():
            given = [
                self._execute("INSERT INTO name (kind, name) VALUES (?, ?)", (kind, name)).lastrowid
                for name in new
            ]
        for name, subject in zip(new, given, strict=True):
            assert subject is not None, "SQLite numbers what it inserts"
            self._remember(kind, name, subject)

    def reserve(self, subject: int) -> None:
        """Never give out this number or one below it. Durable on return."""
        given = self._execute("SELECT seq FROM sqlite_sequence WHERE name = 'name'").fetchone()
        if (given or (0,))[0] >= subject:
            return
        with self._writing():
            self._execute(
                "INSERT INTO name (subject, kind, name) VALUES (?, 'reserved', '')", (subject,)
            )
            self._execute("DELETE FROM name WHERE kind = 'reserved'")

    def write(self, kind: NameKind, name: str, subject: int) -> None:
        """Write into the file, in the caller's transaction, that a subject is called that now.

        Nobody else may be. A number that was given to that name for later is never given again.
        """
        self._execute(
            "DELETE FROM name WHERE kind = ? AND name = ? AND subject <> ?", (kind, name, subject)
        )
        self._execute("UPDATE name SET name = ? WHERE subject = ?", (name, subject))

    def renamed(self, kind: NameKind, name: str, subject: int) -> None:
        """What was written is durable."""
        before = self._names.get(subject, "")
        if self._subjects.get((kind, before)) == subject:
            del self._subjects[kind, before]
        if (other := self._subjects.get((kind, name))) is not None:
            del self._names[other]
        self._remember(kind, name, subject)

    def _remember(self, kind: str, name: str, subject: int) -> None:
        self._subjects[kind, name] = subject
        self._names[subject] = name
