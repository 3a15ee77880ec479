"""How does an export get into its file: whole, or not at all?"""

import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

from daemon.cli.ending import Ended, Exit
from events import directory

STDOUT = "leave --output out: it then goes to standard output"
OWN = ("log", "log.mark")
"""Where these lie, all files are roundsd's."""


def check(path: Path, *, force: bool) -> None:
    """Whether it can be written there, before anything is fetched. Raises Ended.

    What is replaced is a file, and none of roundsd's own: also --force takes nothing else.
    """
    if why := _hindrance(path, force=force):
        raise Ended(Exit.USAGE, f"nothing was exported to {path}: {why}")


def _hindrance(path: Path, *, force: bool) -> str | None:
    place = path.parent
    if str(path) == "-":
        return STDOUT
    if path.is_dir():
        return "it is a directory"
    if not place.is_dir():
        return "there is no such directory"
    there = os.path.lexists(path)
    if there and not stat.S_ISREG(path.lstat().st_mode):
        return f"it is a link, a device or a pipe; name a file, or {STDOUT}"
    if there and all((place / each).exists() for each in OWN):
        return "it lies among roundsd's own files; name another place"
    if not os.access(place, os.W_OK):
        return "you may not write there"
    if there and not force:
        return "there is such a file; name another one, or add --force"
    return None


@contextmanager
def writing(path: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A file that takes its place at the end, once it is on disk; only you may read it.

    Until then it has no name, where the file system knows such files, and is gone with the
    process, however that ends. Where anything fails, nothing is left behind but what was there
    before. Raises Ended.
    """
    try:
        with _interruptible(), _part(path) as part:
            yield part
            part.flush()
            os.fsync(part.fileno())
            _place(part, path, force=force)
        directory.sync(path.parent)
    except OSError as error:
        raise Ended(
            Exit.FAILED,
            f"nothing was exported to {path}, which cannot be written ({error.strerror or error}); "
            "name another place",
        ) from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """End as after Ctrl-C, tidily, when asked to by SIGTERM, or since the terminal is gone."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    asked = [each for each in (signal.SIGTERM, signal.SIGHUP)
             if signal.getsignal(each) is signal.SIG_DFL]  # fmt: skip
    for each in asked:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in asked:
            signal.signal(each, signal.SIG_DFL)


@contextmanager
def _part(path: Path) -> Iterator[IO[bytes]]:
    """A file beside it, without a name where that can be."""
    try:
        unnamed = os.open(path.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:  # a file system without such files, or no room: the next line says which
        with _named(path) as part:
            yield part
        return
    with open(unnamed, "w+b") as part:  # noqa: PTH123 - it has no path
        yield part


@contextmanager
def _named(path: Path) -> Iterator[IO[bytes]]:
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
    ) as part:
        try:
            yield part
        finally:
            Path(part.name).unlink(missing_ok=True)


def _place(part: IO[bytes], path: Path, *, force: bool) -> None:
    """Let it take its name. Somebody else may have taken that meanwhile."""
    check(path, force=force)
    if not force:
        try:
            _link(part, path)
        except FileExistsError:
            check(path, force=False)
            raise
        except OSError:  # a file system without links
            if not isinstance(part.name, str):
                raise
            Path(part.name).replace(path)
        return
    if isinstance(part.name, str):
        Path(part.name).replace(path)
        return
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        _link(part, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _link(part: IO[bytes], path: Path) -> None:
    """Give it a name that nobody has. Raises FileExistsError."""
    if isinstance(part.name, str):
        path.hardlink_to(part.name)
        return
    here = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
    try:  # with a directory it is linkat, which alone follows to what has no name
        os.link(str(part.fileno()), path, src_dir_fd=here, follow_symlinks=True)
    finally:
        os.close(here)
