"""Whose calls are counted together, and how many of them may leave?

Two are asked for each call: the provider, of which all its connections take, and the connection
itself. A program's call is asked of its tenant as well, by endpoint and kind.
"""

from datetime import timedelta

from msgspec import Struct

from daemon.commands.limits import ProgramCall
from events.gateway import CallerAllowanceTaken, CallKind
from events.limits import LimitPolicy, Scope, Span
from events.policy import PolicySet
from projections import allowance, callers, policy, window
from projections.allowance import Allowance
from projections.callers import Called
from projections.connection import Connection
from projections.window import Moment
from projections.world import World

CALLERS_SPAN = Span(per=timedelta(minutes=1))
WINDOWS_MAX = 256  # endpoints and kinds that one tenant's programs call within a minute
LATE = timedelta(seconds=2)  # by so much whoever was told to come back may come after that
FIGURES = {
    CallKind.READ: "caller_reads",
    CallKind.WRITE: "caller_writes",
    CallKind.RPC: "caller_rpcs",
    CallKind.AUTH: "caller_auths",
}
"""Which setting says how many calls of a kind a tenant's programs make a minute."""


class Account(Struct, frozen=True, kw_only=True):
    """Whose calls are counted, what was taken, and under which limits.

    `called` is what a tenant's programs call; its account has one limit.
    """

    subject: int
    scope: Scope | None
    allowance: Allowance
    policies: tuple[LimitPolicy, ...]
    called: Called | None = None


def accounts(world: World, subject: int, *, reads: bool) -> tuple[Account, ...]:
    """Return the provider's and the connection's own, with the limits that such a call counts in.

    None where the connection is not known.
    """
    known = world.connections.get(subject)
    if known is None:
        return ()
    provider = world.providers[known.provider]
    counting = [each for each in provider.limits if reads or not each.span.reads_only]
    shared = tuple(each for each in counting if each.scope is Scope.APPLICATION)
    own = tuple(each for each in counting if each.scope is Scope.CONNECTION)
    return (
        Account(
            subject=known.provider,
            scope=Scope.APPLICATION,
            allowance=provider.allowance,
            policies=shared,
        ),
        Account(subject=subject, scope=Scope.CONNECTION, allowance=known.allowance, policies=own),
    )


def asked(
    world: World, subject: int, moment: Moment, *, reads: bool, program: ProgramCall | None
) -> tuple[Account, ...]:
    """Return all that a call is asked of."""
    found = accounts(world, subject, reads=reads)
    if program is None or not found:
        return found
    return (*found, of_program(world, world.connections[subject], program, moment))


def of_program(world: World, known: Connection, program: ProgramCall, moment: Moment) -> Account:
    """Return the account of a tenant's programs.

    Where as many windows hold something as may be, the next one waits for one to become empty.
    """
    called = Called(provider=known.provider, endpoint=program.endpoint, kind=program.kind)
    counted = world.tenants[known.tenant].callers
    alike = (each for each in counted if each.called == called)
    taken = callers.within(callers.busy(alike, moment), called)
    calls = calls_a_minute(policy.of_tenant(world, known.tenant), program)
    if not taken.windows and len(counted) >= WINDOWS_MAX:
        busy = callers.busy(counted, moment)
        if len(busy) >= WINDOWS_MAX:
            first = min(busy, key=lambda each: window.wait(each.window, 1, moment))
            taken, calls = Allowance(windows=(first.window,)), 1
    return Account(
        subject=known.tenant,
        scope=None,
        allowance=taken,
        policies=(LimitPolicy(calls=calls, span=CALLERS_SPAN),),
        called=called,
    )


def crowds(world: World, tenant: int, taken: CallerAllowanceTaken) -> bool:
    """Whether what was just taken began the last window that the tenant may have."""
    counted = world.tenants[tenant].callers
    return len(counted) >= WINDOWS_MAX and callers.is_new(counted[-1], taken)


def thins_in(world: World, tenant: int, moment: Moment) -> timedelta | None:
    """How long it takes until a window becomes empty; None where the tenant may have more."""
    counted = world.tenants[tenant].callers
    busy = callers.busy(counted, moment) if len(counted) >= WINDOWS_MAX else ()
    if len(busy) < WINDOWS_MAX:
        return None
    return min(window.wait(each.window, 1, moment) for each in busy)


def calls_a_minute(rules: PolicySet, program: ProgramCall) -> int:
    """How many of these calls the tenant's programs may have made when this one leaves."""
    calls: int = getattr(rules, FIGURES[program.kind])
    if program.role in {None, "admin"}:
        return calls
    return max(1, int(round(calls * rules.caller_operator_share, 6)))


def opens_in(account: Account, moment: Moment) -> timedelta:
    """How long it takes until another call may be taken; zero where one may be now."""
    waits = [
        window.wait(
            allowance.counted(account.allowance, each.span, moment),
            allowance.limit(account.allowance, each),
            moment,
        )
        for each in account.policies
    ]
    return max([allowance.held_for(account.allowance, moment), *waits])


def comes_in(account: Account, moment: Moment, before: int) -> timedelta:
    """After how long, at most, a program's call leaves before which so many others do.

    Of one more than the limit allows at once that is a window's length after the one whose place
    it takes.
    """
    (limit,) = account.policies
    laps, rest = divmod(before, limit.calls)
    counted = allowance.counted(account.allowance, limit.span, moment)
    first = window.wait(counted, limit.calls - rest, moment)
    return first + laps * (window.longest(limit.span) + LATE)
