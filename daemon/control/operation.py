"""What is an operation, and what a stream, that can be asked over the control socket?"""

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import IntEnum
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from daemon.control import messages as m
from daemon.control.desk import Desk
from daemon.control.http_server import BODY_BYTES_MAX
from events.terms import Caller


class Role(IntEnum):
    """Each role may do what the ones before it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


class Operation(Struct, frozen=True, kw_only=True):
    """One thing that can be asked. GET takes its arguments from the query, POST from the body.

    The body has at most `bytes_max` bytes. What comes from the World alone can be asked `as_of`
    then, too: by one more argument, `at`, an event's number or a time.
    """

    name: str
    method: Literal["GET", "POST"]
    role: Role
    takes: type[Struct]
    gives: type[Struct]
    call: Callable[[Desk, Any, Caller], Awaitable[Struct]]
    bytes_max: int = BODY_BYTES_MAX
    as_of: bool = False


class Stream(Struct, frozen=True, kw_only=True):
    """One thing that can be followed, as server-sent events of `gives`."""

    name: str
    role: Role
    takes: type[Struct]
    gives: type[Struct]
    open: Callable[[Desk, Any], Awaitable[AsyncIterator[Struct]]]


def get(
    name: str, takes: type[Struct], gives: type[Struct], call: Any, role: Role = Role.VIEWER
) -> Operation:
    return Operation(name=name, method="GET", role=role, takes=takes, gives=gives, call=call)


def past(name: str, takes: type[Struct], gives: type[Struct], call: Any) -> Operation:
    """What can also be asked as of then."""
    return replace(get(name, takes, gives, call), as_of=True)


def post(
    name: str,
    role: Role,
    takes: type[Struct],
    call: Any,
    gives: type[Struct] = m.Done,
    *,
    bytes_max: int = BODY_BYTES_MAX,
) -> Operation:
    return Operation(
        name=name,
        method="POST",
        role=role,
        takes=takes,
        gives=gives,
        call=call,
        bytes_max=bytes_max,
    )
