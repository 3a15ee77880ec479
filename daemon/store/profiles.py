"""What do the records of an answer look like: which fields has each of them, and of which type?

Kept with a version are the fields that every record had, with their type where that was one. Names
of fields are the provider's words: they lie in the store, never in an event.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

ROWS_ENOUGH = 20  # of fewer records what all have in common may be chance
FIELDS_MAX = 2000  # past this, names are probably data: nothing is said of such records
SHOWN_MAX = 50  # fields that are named to people

TYPES: dict[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
    dict: "object",
}
"""JSON's types. A null has none: what is missing in a record may come in the next."""

Known = dict[str, str]
"""Fields that every record had → their type; empty where that was none, or several."""


class Field(Struct, kw_only=True):
    """So many records have it; these types were seen, as Python has them."""

    rows: int = 0
    seen: set[type] = msgspec.field(default_factory=set)

    @property
    def types(self) -> set[str]:
        return {TYPES[each] for each in self.seen if each in TYPES}


class Profile(Struct, kw_only=True):
    """What was met so far. `fields` is None where there are too many to speak of."""

    rows: int = 0
    fields: dict[str, Field] | None = msgspec.field(default_factory=dict)


class Broken(Struct, frozen=True, kw_only=True):
    """What is no longer as it was: fields that are gone, and others with both their types."""

    gone: list[str] = []
    retyped: dict[str, tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self.gone) + len(self.retyped)


Groups = dict[tuple[str, ...], list[Iterable[Any]]]
"""Some records' values, by the names of their fields in their order."""


def add(profile: Profile, groups: Groups) -> None:
    """Take in some more records, column by column: that costs a fraction of value by value."""
    for names, records in groups.items():
        profile.rows += len(records)
        if profile.fields is None:
            continue
        for name, column in zip(names, zip(*records, strict=True), strict=True):
            field = profile.fields.get(name)
            if field is None:
                field = profile.fields[name] = Field()
            field.rows += len(records)
            field.seen.update(map(type, column))
        if len(profile.fields) > FIELDS_MAX:
            profile.fields = None


def join(profiles: list[Profile]) -> Profile:
    """What all of them look like together."""
    if len(profiles) == 1:
        return profiles[0]
    whole = Profile()
    for each in profiles:
        whole.rows += each.rows
        if each.fields is None or whole.fields is None:
            whole.fields = None
            continue
        for name, field in each.fields.items():
            known = whole.fields.setdefault(name, Field())
            known.rows += field.rows
            known.seen |= field.seen
    return whole


def known(profile: Profile) -> Known | None:
    """What is kept of it; None where nothing can be said."""
    if profile.fields is None or profile.rows < ROWS_ENOUGH:
        return None
    return {
        name: _only(field.types) or ""
        for name, field in profile.fields.items()
        if field.rows == profile.rows
    }


def carried(before: Known | None, now: Known | None, *, whole: bool) -> Known | None:
    """What is kept with the next version.

    An answer that is not the whole may be of one kind by chance: of it only what holds as before.
    """
    if before is None or now is None:
        return now or before
    if whole:
        return now
    return {
        name: type_ if now[name] == type_ else "" for name, type_ in before.items() if name in now
    }


def broken(before: Known | None, profile: Profile, *, typed: bool) -> Broken:
    """How records differ from what all had before. `typed` says that types mean something."""
    if before is None or profile.fields is None or profile.rows < ROWS_ENOUGH:
        return Broken()
    gone, retyped = [], {}
    for name, type_ in before.items():
        field = profile.fields.get(name)
        if field is None:
            gone.append(name)
        elif typed and type_ and (now := _only(field.types)) and now != type_:
            retyped[name] = (type_, now)
    return Broken(gone=gone, retyped=retyped)


def shown(broken: Broken) -> Broken:
    """Some of the names, where there are many."""
    return Broken(gone=broken.gone[:SHOWN_MAX], retyped=dict([*broken.retyped.items()][:SHOWN_MAX]))


def read(text: str | None) -> Known | None:
    return None if text is None else msgspec.json.decode(text, type=Known)


def written(profile: Known | None) -> str | None:
    return None if profile is None else msgspec.json.encode(profile).decode()


def forget(connection: sqlite3.Connection, subjects: Iterable[int]) -> None:
    """Keep nothing of what the records of these connections look like, or looked like."""
    for table in ("version", "quarantine"):
        connection.executemany(
            f"UPDATE {table} SET profile = NULL "
            "WHERE profile IS NOT NULL AND stream IN (SELECT id FROM stream WHERE connection = ?)",
            [(each,) for each in subjects],
        )


def _only(types: set[str]) -> str | None:
    return next(iter(types)) if len(types) == 1 else None
