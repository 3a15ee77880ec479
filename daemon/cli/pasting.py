"""How does a person paste what their browser was given, without showing it, and is it theirs?"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

PASTE_MAX = 8192  # characters: what the daemon takes
READ_BYTES = 4096
FIELDS_MAX = 64  # of an address's query; providers send half a dozen
BARE = re.compile(r"[\x21-\x7e]+")
ERASE = ("\x7f", "\b")
KILL, END = "\x15", "\x04"  # Ctrl-U, Ctrl-D

NOT_OURS = (
    "That address belongs to another authorisation, or is not complete; paste the whole address "
    "that the browser ended at."
)
NO_CODE = "There is no code in what was pasted; paste the whole address that the browser ended at."
TOO_LONG = f"What was pasted has more than {PASTE_MAX} characters; no such address is so long."


class Pasting:
    """Lines from standard input, as they are completed; `over` when there will be no more."""

    def __init__(self) -> None:
        self.over = False
        self._typed = ""

    def fileno(self) -> int:
        return sys.stdin.fileno()

    def take(self) -> list[str]:
        """The lines that are complete now. Call it when there is something to read."""
        try:
            some = os.read(self.fileno(), READ_BYTES).decode(errors="replace")
        except OSError:  # the terminal is gone
            some = ""
        if not some:
            self.over = True
            return self._complete() if self._typed else []
        found: list[str] = []
        for character in some:
            if character in "\r\n":
                found += self._complete()
            elif character in ERASE:
                self._typed = self._typed[:-1]
            elif character == KILL:
                self._typed = ""
            elif character == END:
                self.over = True
                found += self._complete()
            elif len(self._typed) <= PASTE_MAX:
                self._typed += character
        return found

    def _complete(self) -> list[str]:
        line, self._typed = self._typed.strip(), ""
        return [line] if line else []


@contextmanager
def hidden() -> Iterator[None]:
    """Let a terminal not show what is pasted, and take it however long it is.

    A terminal that edits lines itself cuts them at 4,095 characters (termios(3)).
    """
    import termios

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    quiet = list(before)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        # What was pasted beyond the answer must not become a line of the shell's.
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def wrong(text: str, state: str) -> str | None:
    """What is wrong with a pasted address, or bare code, as a sentence; None where nothing is."""
    if len(text) > PASTE_MAX:
        return TOO_LONG
    if "://" not in text and "=" not in text:
        return None if BARE.fullmatch(text) else NO_CODE
    query = text.partition("?")[2].partition("#")[0] if "://" in text else text.lstrip("?")
    return None if is_ours(query, state) else NOT_OURS


def is_ours(query: str, state: str) -> bool:
    """Whether a redirect's query bears this beginning's state, once."""
    from hmac import compare_digest  # it is not needed before somebody comes back

    try:
        found = parse_qs(query, max_num_fields=FIELDS_MAX).get("state", [])
    except ValueError:
        return False
    return len(found) == 1 and compare_digest(found[0].encode(), state.encode())
