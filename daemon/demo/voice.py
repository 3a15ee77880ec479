"""In which voice is the story told? Plain sentences for 80 columns, with time to read them."""

import textwrap
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta

from daemon.cli import screen, words
from daemon.control.messages import EventView
from events.schema import CallFailed, SyncRequested, SyncScheduled

WIDTH_MAX = 78  # longer lines are tiring, and a pipe has no edge
INDENT = "  "
SEQ, NAME = 4, 14  # columns of an event's number and name
WORD, GLANCE = timedelta(milliseconds=60), timedelta(milliseconds=35)
"""So long is a word of a sentence looked at, and one of an event or of a table."""

UNTOLD = (SyncRequested, SyncScheduled, CallFailed)
"""The narrator's own doing, what is a day away, and what the failure that follows says again."""


class Voice:
    """Speaks to standard output; it pauses for its readers where it is `unhurried`."""

    def __init__(self, *, unhurried: bool) -> None:
        self._unhurried = unhurried
        self._last = "chapter"

    def chapter(self, title: str) -> None:
        screen.line()
        screen.line(title, "cyan")
        self._last = "chapter"

    def say(self, *parts: str) -> None:
        """Explain something, in a paragraph."""
        self._turn_to("words")
        text = " ".join(parts)
        for line in _wrapped(text, len(INDENT)):
            screen.line(INDENT + line)
        self._pause(text, WORD)

    def event(self, view: EventView) -> None:
        """One event of the log, as it was read from there."""
        if isinstance(view.event, UNTOLD):
            return
        self._turn_to("events")
        head = f"{INDENT}{view.seq:>{SEQ}}  {view.name:<{NAME}}  "
        sentence, tone = words.sentence(view), words.tone(view.event)
        for line in _wrapped(sentence, len(head)):
            screen.line(head + line, tone)
            head = " " * len(head)
        self._pause(sentence, GLANCE)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        cells = [[str(cell) for cell in row] for row in (head, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        self._turn_to("table")
        for row in cells:
            screen.line((INDENT * 2 + "  ".join(map(str.ljust, row, widths))).rstrip())
        self._pause(" ".join(map(" ".join, cells)), GLANCE)

    def commands(self, *lines: str) -> None:
        """Something to be copied, therefore never wrapped."""
        self._turn_to("commands")
        for line in lines:
            screen.line(INDENT * 2 + line, "green")

    def _turn_to(self, kind: str) -> None:
        """Leave a line between what is of different kinds, but none below a title."""
        if self._last not in (kind, "chapter"):
            screen.line()
        self._last = kind

    def _pause(self, text: str, a_word: timedelta) -> None:
        if self._unhurried:
            time.sleep(a_word / timedelta(seconds=1) * len(text.split()))


def _wrapped(text: str, indent: int) -> list[str]:
    width = max(min(WIDTH_MAX, screen.width() - 1) - indent, 20)
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
