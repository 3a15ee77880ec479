"""In which fields, of whose slices, do two Worlds differ?

A World is taken as plain values, down to the last field. Lists are whole: what is counted by place
has no name to go by. What waits in an outbox goes by the number of its write; that a
report is known shows in its day's sums alone.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from projections import reported
from projections.world import World

FLEET = 0
KINDS = {
    "providers": "provider",
    "tenants": "tenant",
    "connections": "connection",
    "scopes": "settings",
    "outboxes": "outbox",
    "sources": "source",
    "issues": "issues",
    "signs": "signs",
}
"""How a path begins, by the World's map that it leads into."""

Path = tuple[str, ...]
Leaves = dict[Path, Any]


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field: `before` or `after` is left out where there was, or is, nothing of that name."""

    subject: int
    path: Path
    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET


def subjects(before: World, after: World) -> list[int]:
    """Everybody who is known in one of them, in order; the fleet first."""
    maps = [getattr(world, kind) for world in (before, after) for kind in KINDS]
    return sorted({FLEET}.union(*maps))


def between(before: World, after: World, subject: int) -> list[Change]:
    """Every field of a subject that differs, by its path."""
    if not _differ(before, after, subject):
        return []
    old, new = leaves(before, subject), leaves(after, subject)
    return [
        Change(subject=subject, path=path, before=old.get(path, UNSET), after=new.get(path, UNSET))
        for path in sorted(old.keys() | new.keys())
        if path not in old or path not in new or old[path] != new[path]
    ]


def leaves(world: World, subject: int) -> Leaves:
    """All that is known of a subject, field by field."""
    return dict(_leaves((), plain(world, subject)))


def plain(world: World, subject: int) -> dict[str, Any]:
    """All that is known of a subject, by kind, as plain values."""
    found = {word: getattr(world, kind).get(subject) for kind, word in KINDS.items()}
    if subject == FLEET:
        found["fleet"], found["outbox_bytes"] = world.fleet, world.outbox_bytes
    if waiting := found["outbox"]:
        found["outbox"] = {str(each.number): each for each in waiting}
    if told := found["source"]:
        found["source"] = reported.without_keys(told)
    there = {word: each for word, each in found.items() if each is not None}
    values: dict[str, Any] = msgspec.to_builtins(there, str_keys=True, order="deterministic")
    return values


def applied(before: Leaves, changes: Iterable[Change]) -> Leaves:
    """The fields after these changes of theirs."""
    after = dict(before)
    for each in changes:
        if each.after is UNSET:
            del after[each.path]
        else:
            after[each.path] = each.after
    return after


def _differ(before: World, after: World, subject: int) -> bool:
    """Whether any of its slices does: most are the very same, and that is seen at once."""
    if subject == FLEET:
        return True
    pairs = ((getattr(before, kind), getattr(after, kind)) for kind in KINDS)
    return any(old.get(subject) != new.get(subject) for old, new in pairs)


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and (value or not path):
        for name, each in value.items():
            yield from _leaves((*path, name), each)
    else:
        yield path, value
