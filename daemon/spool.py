"""Where does a large answer wait until it is read? In a nameless file, gone with its reader."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class SpoolFull(Exception):
    """There is no room on the disk for an answer."""


def unnamed(directory: Path | None) -> BinaryIO:
    """Open a file that only its descriptor reaches; the system's temporary place where None."""
    with noticing():
        return tempfile.TemporaryFile(dir=directory)


@contextmanager
def noticing() -> Iterator[None]:
    """Raise SpoolFull for a disk that is full."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise SpoolFull from error
        raise
