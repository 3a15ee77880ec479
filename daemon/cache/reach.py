"""Which kept answers does a write to a path reach: those at it, above it, and below it?

Paths lie in order, so that those below one stand side by side; those above it are its own parts.
What a write costs goes by its path's length and by what it finds, not by what is kept.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

SLASH = "/"
AS_ONE, PARAMETERS = re.compile(r"/{2,}"), re.compile(r";[^/]*")
PAST = chr(ord(SLASH) + 1)  # what follows on a path and all below it


class Reach:
    """Keys of answers by their paths."""

    def __init__(self) -> None:
        self._at: dict[str, dict[bytes, None]] = {}  # trunk → keys; in order, unlike in a set
        self._trunks: list[str] = []  # sorted

    def add(self, path: str, key: bytes) -> None:
        trunk = _trunk(path)
        if trunk not in self._at:
            self._at[trunk] = {}
            self._trunks.insert(bisect_left(self._trunks, trunk), trunk)
        self._at[trunk][key] = None

    def remove(self, path: str, key: bytes) -> None:
        trunk = _trunk(path)
        del self._at[trunk][key]
        if not self._at[trunk]:
            del self._at[trunk]
            del self._trunks[bisect_left(self._trunks, trunk)]

    def take(self, written: str) -> list[bytes]:
        """Those that a write there reaches; they are not here any more."""
        trunk = _trunk(written)
        first = bisect_left(self._trunks, trunk + SLASH)
        below = self._trunks[first : bisect_left(self._trunks, trunk + PAST)]
        del self._trunks[first : first + len(below)]  # at once: it may be all there are
        found = [key for each in below for key in self._at.pop(each)]
        for each in (*_above(trunk), trunk):
            if each in self._at:
                found += self._at.pop(each)
                del self._trunks[bisect_left(self._trunks, each)]
        return found


def is_below(path: str, above: str) -> bool:
    """Whether it is that path, or goes on from it; a slash at the end says nothing."""
    path, trunk = _trunk(path), _trunk(above)
    return path == trunk or path.startswith(trunk + SLASH)


def _trunk(path: str) -> str:
    """The path as most servers read it: for them `/items//7;v=1/` is `/items/7`."""
    return AS_ONE.sub(SLASH, PARAMETERS.sub("", path)).rstrip(SLASH)


def _above(trunk: str) -> Iterator[str]:
    """All it goes on from."""
    end = trunk.find(SLASH)
    while end >= 0:
        yield trunk[:end]
        end = trunk.find(SLASH, end + 1)
