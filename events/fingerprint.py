"""Which code folds events? What it made is worth something to that very code alone."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path


def of_sources(packages: Iterable[Path]) -> str:
    """A hash over all Python sources in these directories: any change to them shows.

    So does another order of bytes, since what is folded may hold numbers as the machine has them.
    """
    found = hashlib.sha256(sys.byteorder.encode())
    for package in packages:
        sources = sorted(package.rglob("*.py"))
        assert sources, f"{package} holds no sources: what it folds to could not be told apart"
        for source in sources:
            code = source.read_bytes()
            name = f"{package.name}/{source.relative_to(package)}"
            found.update(b"%b\0%d\0%b" % (name.encode(), len(code), code))
    return found.hexdigest()
