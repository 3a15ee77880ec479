"""Which facts can be recorded about calls that programs make through us?

The subject of a call is the connection that it is made as, of allowance the tenant. What was asked
and answered is not in them: the endpoint is the provider's file's template, and bodies go by.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from events.fact import Fact
from events.limits import Span
from events.terms import Caller, FailureClass


class CallKind(StrEnum):
    """What a call is to its provider.

    It asks, it changes something, it has something done, or it proves who somebody is.
    """

    READ = "read"
    WRITE = "write"
    RPC = "rpc"
    AUTH = "auth"


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


class CallerAllowanceTaken(Fact, frozen=True, kw_only=True, tag="caller-allowance-taken"):
    """So many calls of a tenant's programs may leave before `until`; they count in that span.

    `provider` is a subject, `endpoint` the template of a path, without a method.
    """

    provider: int
    endpoint: str
    kind: CallKind
    calls: int
    span: Span
    until: datetime
    ahead: timedelta = timedelta()
