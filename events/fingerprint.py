"""Which code folds events? What it made is worth something to that very code alone."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path


def of_sources(places: Iterable[Path]) -> str:
    """A hash over all Python sources in these directories, or these files: any change shows.

    So does another order of bytes, since what is folded may hold numbers as the machine has them.
    """
    found = hashlib.sha256(sys.byteorder.encode())
    for place in places:
        sources = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        assert sources, f"{place} holds no sources: what it folds to could not be told apart"
        for source in sources:
            code = source.read_bytes()
            name = f"{place.name}/{source.relative_to(place)}"
            found.update(b"%b\0%d\0%b" % (name.encode(), len(code), code))
    return found.hexdigest()
