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


def options(word: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Both ways for a script to hand a secret over: --WORD-file and --WORD-stdin."""

    def both(command: Callable[..., Any]) -> Callable[..., Any]:
        from_file = click.option(
            f"--{word}-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help=f"Read the {word} from FILE.",
        )
        from_stdin = click.option(
            f"--{word}-stdin", is_flag=True, help=f"Read the {word} from standard input."
        )
        return from_stdin(from_file(command))

    return both


credential_options = options("credential")


def given(*, stdin: bool, file: Path | None, word: str = "credential") -> str | None:
    """The secret that was handed over, without the line break at its end."""
    core_dumps.forbid()
    if stdin and file:
        raise Ended(Exit.USAGE, f"take one of --{word}-stdin and --{word}-file")
    if file is not None:
        return _whole(_read(file, word), str(file), word)
    if not stdin:
        return None
    if sys.stdin.isatty():
        return _whole(ask(f"{word.capitalize()} (hidden)"), "what was typed", word)
    return _whole(sys.stdin.read(READ_MAX + 1), "standard input", word)


def prompted(connection: str) -> str | None:
    """Ask for it, where somebody can be asked; an empty answer leaves it as it is."""
    if not sys.stdin.isatty():
        screen.note(f"no credential was given for {connection}; --credential-stdin sets one")
        return None
    return ask(f"Credential for {connection} (hidden; empty leaves it as it is)") or None


def ask(question: str) -> str:
    """What is typed, hidden; empty where nothing is."""
    answer: str = click.prompt(question, hide_input=True, default="", show_default=False, err=True)
    return answer


def _read(file: Path, word: str) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(READ_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise Ended(Exit.USAGE, f"the {word} file {file} cannot be read: {why}") from None


def _whole(text: str, place: str, word: str) -> str:
    text = text.rstrip("\r\n")
    if not text:
        raise Ended(Exit.USAGE, f"there is no {word} in {place}")
    if len(text) > READ_MAX:
        raise Ended(Exit.USAGE, f"{place} is too long for a {word}")
    return text
