"""How does an export get into its file: whole, or not at all?"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from daemon.cli.ending import Ended, Exit
from events import directory


def check(path: Path, *, force: bool) -> None:
    """Whether it can be written there, before anything is fetched. Raises Ended."""
    place = path.parent
    if path.is_dir():
        why = "it is a directory"
    elif not place.is_dir():
        why = "there is no such directory"
    elif not os.access(place, os.W_OK):
        why = "you may not write there"
    elif os.path.lexists(path) and not force:
        why = "there is such a file; name another one, or add --force"
    else:
        return
    raise Ended(Exit.USAGE, f"nothing was exported to {path}: {why}")


@contextmanager
def writing(path: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A file beside it that takes its place at the end, once it is on disk; only you may read it.

    Where anything fails, nothing is left behind but what was there before. Raises Ended.
    """
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
        ) as part:
            try:
                yield part
                part.flush()
                os.fsync(part.fileno())
                _place(Path(part.name), path, force=force)
            finally:
                Path(part.name).unlink(missing_ok=True)
        directory.sync(path.parent)
    except OSError as error:
        raise Ended(
            Exit.FAILED,
            f"nothing was exported to {path}, which cannot be written ({error.strerror or error}); "
            "name another place",
        ) from None


def _place(part: Path, path: Path, *, force: bool) -> None:
    """Let it take its name. Somebody else may have taken that meanwhile."""
    if force:
        part.replace(path)
        return
    try:
        path.hardlink_to(part)
    except FileExistsError:
        check(path, force=False)
        raise
    except OSError:  # a file system without links
        check(path, force=False)
        part.replace(path)
