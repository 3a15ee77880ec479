"""What is a program's call on its way through the layers, and what comes back?

call ─► cache ─► sharing ─► batching ─► retry ─► breaker ─► limits ─► token ─► pool ─► provider

A layer is called with a call and the layers below it; it gives what they brought, or raises
CallLost where that was nothing usable, HeldBack where the call may not leave.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

import trio
from msgspec import Struct

from daemon.decide.calling import Held
from daemon.decide.fate import Loss
from daemon.endpoint_file import Endpoint
from daemon.exchange import CallLost, Request
from daemon.provider import Provider
from events.gateway import CallKind
from events.terms import Caller, FailureClass
from projections.world import World

Identity: TypeAlias = tuple[object, ...]


class Source(StrEnum):
    """Where an answer comes from: for SHARED, the provider answered somebody else's same call."""

    PROVIDER = "provider"
    SHARED = "shared"
    CACHE = "cache"
    OUTBOX = "outbox"


class HeldBack(Exception):
    """A call may not leave; nothing was sent."""

    def __init__(self, held: Held) -> None:
        super().__init__(held.reason)
        self.held = held


class Call(Struct, frozen=True, kw_only=True):
    """A connection's call. `path` is without its query; `deadline` is by Trio's clock.

    `account` is the number of the event that last said which account at the provider this is:
    what was answered to another is not for this one. A `keyed` one carries a key by which the
    provider knows it again: the program's, or one of ours. With `fresh` no kept answer will do.
    """

    subject: int
    tenant: int
    account: int
    provider: int
    way: Provider
    request: Request
    kind: CallKind
    path: str
    endpoint: Endpoint
    keyed: bool
    key_of_ours: bool = False
    deadline: float
    by: Caller | None = None
    fresh: bool = False
    attempt: int = 1

    @property
    def identity(self) -> Identity:
        """Alike for calls that ask the same, of the same account, as the same connection."""
        request = self.request
        return (*self.place, request.url, _pairs(request.headers), request.body)

    @property
    def place(self) -> Identity:
        """Alike for calls that go to the same path in the same way, whatever they say there."""
        asked = (self.request.method, self.path)
        return (self.tenant, self.subject, self.account, self.provider, *asked)

    @property
    def only_asks(self) -> bool:
        """Whether it is a GET that changes nothing: its answer may be kept and shared."""
        return self.kind is CallKind.READ and self.request.method == "GET"

    @property
    def repeatable(self) -> bool:
        """Whether it does no harm to send it twice."""
        return self.kind is CallKind.READ or self.keyed

    def is_of(self, world: World) -> bool:
        """Whether its connection is still what it was: of that provider, and of that account."""
        known = world.connections[self.subject]
        same = (known.provider, known.grant.account) == (self.provider, self.account)
        return same and not known.removed

    def left_s(self) -> float:
        return max(0.0, self.deadline - trio.current_time())


class Brought(Struct, frozen=True, kw_only=True):
    """What came of a call, whatever its status. Header names are in lower case.

    `age` is of a kept answer; it is `stale` where its time of freshness is over, and `why` says
    why the provider's own was not to be had.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    source: Source = Source.PROVIDER
    attempts: int = 1
    age: timedelta | None = None
    stale: bool = False
    why: str = ""


Exchange: TypeAlias = Callable[[Call], Awaitable[Brought]]
"""All layers below one. Raises CallLost, HeldBack."""


def is_shared(lost: CallLost | HeldBack, deadline: float, call: Call) -> bool:
    """Whether what was lost by that deadline is lost for a call too that had joined it.

    Not where more time might have brought more, and the call has it.
    """
    if isinstance(lost, HeldBack):
        return True
    timed_out = lost.cause in (FailureClass.TIMEOUT, FailureClass.CANCELLED)
    return call.deadline <= deadline or not (timed_out or lost.was_kept)


def loss_of(lost: CallLost) -> Loss:
    """The part of it by which is told if it arrived."""
    return Loss(cause=lost.cause, status=lost.status, sent=lost.sent)


def anew(lost: CallLost | HeldBack) -> CallLost | HeldBack:
    """The same, as an exception of the task that raises it."""
    return HeldBack(lost.held) if isinstance(lost, HeldBack) else lost.copy()


def _pairs(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(headers.items()))
