"""Which facts can be recorded about calls that programs make through us?

Their subject is the connection that a call is made as. What was asked and answered is not in them:
the endpoint is the provider's file's template, and bodies go by.
"""

from datetime import timedelta
from enum import StrEnum

from events.fact import Fact
from events.terms import Caller, FailureClass


class CallKind(StrEnum):
    """What a call is to its provider: it asks, it changes something, or it has something done."""

    READ = "read"
    WRITE = "write"
    RPC = "rpc"


class CallMade(Fact, frozen=True, kw_only=True, tag="call-made"):
    """One exchange with the provider on behalf of a program.

    `cause` is None where the answer was good. `began` is the number of the last event when the
    call was let go: what an answer says of a breaker that opened later is nothing.
    """

    endpoint: str
    method: str
    kind: CallKind
    began: int
    attempt: int = 1
    status: int | None = None
    cause: FailureClass | None = None
    duration_ms: int = 0
    bytes: int = 0
    retry_after: timedelta | None = None
    by: Caller | None = None
