"""What can be wished for of a provider's limits, and what have its answers shown?

Most name a connection, and by how much the wall clock's steps have put it `ahead`.
"""

from datetime import timedelta
from typing import TypeAlias

from msgspec import Struct

from events.terms import FailureClass


class TakeAllowance(Struct, frozen=True, kw_only=True):
    """Let calls leave: so many of what all connections share, so many of the connection's own.

    `reads` says that they are GET or HEAD. A `forced` one leaves whatever the limits say, and is
    counted.
    """

    subject: int
    reads: bool
    application: int = 0
    own: int = 0
    forced: bool = False
    ahead: timedelta = timedelta()


class Recount(Struct, frozen=True, kw_only=True):
    """Nothing may leave: see whether it is for a clock that stepped back."""

    subject: int
    ahead: timedelta = timedelta()


class NoteSteps(Struct, frozen=True, kw_only=True):
    """By so much the wall clock's steps have put it ahead."""

    ahead: timedelta


class NoteAnswer(Struct, frozen=True, kw_only=True):
    """How the provider answered a call: `cause` is None where the answer was good.

    `retry_after` is how long it asked to be left alone; `slow` that it took its time.
    """

    subject: int
    cause: FailureClass | None = None
    retry_after: timedelta | None = None
    slow: bool = False
    ahead: timedelta = timedelta()


LimitCommand: TypeAlias = TakeAllowance | Recount | NoteSteps | NoteAnswer
