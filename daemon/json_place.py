"""Do a stream's records lie where they can be read one at a time?

Only in a list that plain keys lead to (`data.items`), or a list without any where it may be left
out (`` data.items || `[]` ``). What follows must look at one entry at a time (`data.edges[].node`,
`` data[?kind == `7`] ``), and nothing else that the file looks for may lie in that list. Of two
lists (`a || b`) only the end of the answer tells which one counts.
"""

import re

from msgspec import Struct

from daemon import selector
from daemon.provider_file import AnswerErrors
from daemon.stream_file import Stream

KEY = r"[A-Za-z_][A-Za-z0-9_]*"
PATH = rf"(@|{KEY}(?:\.{KEY})*)"
OR_NONE = r"\s*\|\|\s*`\s*\[\s*\]\s*`"
LIST = re.compile(rf"{PATH}?(\[.*)?|{PATH}{OR_NONE}|\(\s*{PATH}{OR_NONE}\s*\)(\[.*)?", re.DOTALL)
BESIDE = re.compile(rf"{KEY}(?:\[[0-9]+\])*(?:\.{KEY}(?:\[[0-9]+\])*)*")


class Place(Struct, frozen=True, kw_only=True):
    """The `keys` that lead to the list; `each` selects the records of a part of it, all if None.

    What it selects of the parts is, one after the other, what it selects of the whole.
    """

    keys: tuple[str, ...]
    each: str | None = None


def of(records: str) -> Place | None:
    """Return where the list lies that the expression for the records leads to."""
    found = LIST.fullmatch(records.strip())
    if found is None:
        return None
    plain, rest, alone, inside, rest_of_inside = found.groups()
    path, each = plain or alone or inside, rest or rest_of_inside
    if each is not None and not selector.is_entrywise(each):
        return None
    keys = () if path in (None, "@") else tuple(path.split("."))
    return Place(keys=keys, each=each)


def apart(stream: Stream, errors: AnswerErrors | None) -> tuple[str, ...] | None:
    """Return the keys to a JSON stream's list, None where its answers must be read whole."""
    place = None if stream.csv is not None else of(stream.records)
    if place is None:
        return None
    others = [getattr(stream.paging, "path", None), stream.total]
    others += [errors.path, errors.wait] if errors is not None else []
    asked = [each for each in others if each is not None]
    return place.keys if all(_lies_beside(each, place.keys) for each in asked) else None


def _lies_beside(expression: str, keys: tuple[str, ...]) -> bool:
    if not BESIDE.fullmatch(expression):
        return False
    names = tuple(re.findall(KEY, expression))
    shorter = min(len(names), len(keys))
    return not keys or names[:shorter] != keys[:shorter]
