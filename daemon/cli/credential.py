"""Where does a credential come from? Never from the command line, where everybody sees it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from daemon import core_dumps
from daemon.cli import screen
from daemon.cli.ending import Ended, Exit

READ_MAX = 64 * 1024  # far more than the daemon takes: whatever is longer is the wrong file


def credential_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Both ways for a script to hand a credential over."""
    from_file = click.option(
        "--credential-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Read the credential from FILE.",
    )
    from_stdin = click.option(
        "--credential-stdin", is_flag=True, help="Read the credential from standard input."
    )
    return from_stdin(from_file(command))


def given(*, stdin: bool, file: Path | None) -> str | None:
    """The credential that was handed over, without the line break at its end."""
    core_dumps.forbid()
    if stdin and file:
        raise Ended(Exit.USAGE, "take one of --credential-stdin and --credential-file")
    if file is not None:
        return _whole(_read(file), str(file))
    if not stdin:
        return None
    if sys.stdin.isatty():
        return _whole(_ask("Credential (hidden)"), "what was typed")
    return _whole(sys.stdin.read(READ_MAX + 1), "standard input")


def prompted(connection: str) -> str | None:
    """Ask for it, where somebody can be asked; an empty answer leaves it as it is."""
    if not sys.stdin.isatty():
        screen.note(f"no credential was given for {connection}; --credential-stdin sets one")
        return None
    return _ask(f"Credential for {connection} (hidden; empty leaves it as it is)") or None


def _ask(question: str) -> str:
    answer: str = click.prompt(question, hide_input=True, default="", show_default=False, err=True)
    return answer


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(READ_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise Ended(Exit.USAGE, f"the credential file {file} cannot be read: {why}") from None


def _whole(text: str, place: str) -> str:
    text = text.rstrip("\r\n")
    if not text:
        raise Ended(Exit.USAGE, f"there is no credential in {place}")
    if len(text) > READ_MAX:
        raise Ended(Exit.USAGE, f"{place} is too long for a credential")
    return text
