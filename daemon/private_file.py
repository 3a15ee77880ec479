"""How is a file that holds secrets made, replaced whole, and kept from other users?"""

import os
import stat
from contextlib import suppress
from pathlib import Path

import structlog

from events import directory

OTHERS = 0o077

log = structlog.get_logger()


def make(path: Path) -> None:
    """Make it, empty, if there is none; on disk on return. Raises OSError."""
    with suppress(FileExistsError):
        os.close(_create(path))
        directory.sync(path.parent)


def replace(path: Path, text: str) -> None:
    """Put a file with this text in its place: whole, on disk on return. Raises OSError.

    It is written beside its place and moved there, so that there is never half a one.
    """
    written = beside(path)
    written.unlink(missing_ok=True)
    with open(_create(written), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    written.rename(path)
    directory.sync(path.parent)


def beside(path: Path) -> Path:
    """Where it is written before it is moved. Raises no error where nothing is there."""
    return path.with_name(f"{path.name}.new")


def shut(path: Path) -> None:
    """Take from others what they could do with it, if it is there. Raises OSError."""
    if mode := seen_by_others(path):
        path.chmod(0o600)
        log.warning("file-was-open-to-others", file=str(path), mode=f"{mode:04o}")


def seen_by_others(path: Path) -> int | None:
    """The mode of a file that others than its owner may read or write, else None."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
    return mode if mode & OTHERS else None


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
