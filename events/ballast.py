"""What can be given back when the disk is full, so that what runs can still be written down?"""

import os
from pathlib import Path

SIZE = 4 * 1024 * 1024  # some ten thousand outcomes, and the checkpoint that frees the WAL


class Ballast:
    """A file of real blocks beside the log: held while there is room, else released."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size

    @property
    def held(self) -> bool:
        return self._path.exists()

    def take(self) -> bool:
        """Reserve the space. False where there is none: nothing is left behind then."""
        if self.held:
            return True
        partial = self._path.with_suffix(".partial")
        try:
            with open(partial, "wb", opener=_private) as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
            partial.rename(self._path)
        except OSError:
            partial.unlink(missing_ok=True)
            return False
        return True

    def release(self) -> None:
        self._path.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
