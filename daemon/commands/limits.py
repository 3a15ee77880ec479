"""What can be wished for of a provider's limits, and what have its answers shown?

Most name a connection, and by how much the wall clock's steps have put it `ahead`.
"""

from datetime import timedelta
from typing import TypeAlias

from msgspec import Struct

from events.gateway import CallKind
from events.terms import FailureClass


class ProgramCall(Struct, frozen=True, kw_only=True):
    """A call that a program makes through us: its tenant allows so many of them as well.

    `endpoint` is a path's template; `role` is the caller's, None where nobody has asked for it.
    """

    endpoint: str
    kind: CallKind
    role: str | None = None


class TakeAllowance(Struct, frozen=True, kw_only=True):
    """Let calls leave: so many of what all connections share, so many of the connection's own.

    Those of a `program` are so many of its tenant's as well. `reads` says that they are GET or
    HEAD. A `forced` one leaves whatever the limits say, and is counted.
    """

    subject: int
    reads: bool
    application: int = 0
    own: int = 0
    program: ProgramCall | None = None
    callers: int = 0
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
