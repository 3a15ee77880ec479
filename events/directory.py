"""When is it on the disk that a file has a new name?"""

import os
from pathlib import Path


def sync(directory: Path) -> None:
    """Wait until the names that a directory holds are on the disk. Raises OSError."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
