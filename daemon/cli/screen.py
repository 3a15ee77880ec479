"""How does something get onto the terminal, or into the pipe?"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import click

from daemon.cli.ending import PipeClosed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 1_000_000  # a pipe has no edge: nothing is wrapped or cut there

Part: TypeAlias = "Table"
"""Something that `show` prints."""

Say: TypeAlias = Callable[[str, str | None], None]
"""Prints a line, in a colour."""


def terminal() -> bool:
    return sys.stdout.isatty()


def width() -> int:
    return shutil.get_terminal_size().columns if terminal() else PIPE_WIDTH


def document(answer: bytes) -> None:
    """One JSON text on a line of its own, at once."""
    _write(answer.rstrip(b"\n").decode() + "\n")


def line(text: str = "", colour: str | None = None) -> None:
    """One line of text; on a terminal it wraps where the terminal wraps it."""
    styled = click.style(printable(text), fg=colour) if colour and _coloured() else printable(text)
    _write(styled + "\n")


def content(raw: bytes) -> None:
    """Somebody else's text or bytes: into a pipe as they are, on a terminal what does no harm."""
    if not terminal():
        _write_raw(raw)
        return
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        remark(
            f"its body is {len(raw):,} bytes that are no text, and is not shown on a terminal: "
            "save it with --output FILE"
        )
        return
    for each in text.removesuffix("\n").split("\n") if text else ():
        cells = each.removesuffix("\r").split("\t")
        _write("\t".join(map(printable, cells)) + "\n")


def note(text: str) -> None:
    """Something beside the result."""
    sys.stderr.write(f"rounds: {text}\n")


def remark(text: str) -> None:
    """Something said to the person who typed, beside the result, in the course of things."""
    sys.stderr.write(f"{printable(text)}\n")


def table(
    *columns: str,
    right: Sequence[str] = (),
    folds: Sequence[str] = (),
    most: Mapping[str, int] | None = None,
) -> "Table":
    """A table without lines. Columns in `right` hold numbers; those in `folds` give way first.

    Those in `most` are at most so wide, however much room there is.
    """
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(
            Text(printable(column)),  # a provider's field may be called anything
            justify="right" if column in right else "left",
            no_wrap=column not in folds,
            overflow="fold" if column in folds else "ellipsis",
            max_width=(most or {}).get(column),
        )
    return made


def pairs(*rows: tuple[str, str], colour: str = "") -> "Table":
    """Names with what they stand for, one below the other; long texts wrap."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style=colour or "dim", no_wrap=True)
    made.add_column(style=colour, overflow="fold")
    for name, text in rows:
        made.add_row(name, printable(text))
    return made


def show(*parts: Part) -> None:
    """Print tables and texts, fitted to the terminal."""
    console = _console()
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    lines = captured.get().splitlines()
    _write("".join(f"{text.rstrip()}\n" for text in lines))


@contextmanager
def working(text: str) -> Iterator[tuple[Say, Callable[[str], None]]]:
    """Print lines while something goes on; the second callable tells how far it has come.

    What goes on is shown on a terminal alone.
    """
    if not terminal():
        yield line, lambda _: None
        return
    from rich.text import Text

    console = _console()
    with console.status(text, spinner="dots") as status:

        def say(words: str, colour: str | None) -> None:
            console.print(Text(printable(words), style=colour or ""))

        yield say, lambda words: status.update(printable(words))


@contextmanager
def bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how much of something that takes long is done; the bar is gone at its end."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeRemainingColumn(), console=_console(), transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, completed=done)


def printable(text: str) -> str:
    """Escape what could move a terminal's cursor or break the line."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _write(text: str) -> None:
    """Raises PipeClosed; click would make a failure of what `| head` does."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise PipeClosed from None


def _write_raw(raw: bytes) -> None:
    """Raises PipeClosed."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise PipeClosed from None


def _coloured() -> bool:
    return terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _console() -> "Console":
    from rich.console import Console

    return Console(
        width=width(),
        height=shutil.get_terminal_size().lines,  # without one rich forgets width if TERM=dumb
        color_system="auto" if _coloured() else None,
        force_terminal=terminal(),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )
