"""May a program's call leave, and is it made once more when it fails?"""

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import Struct

from daemon.commands import NoteCallMade
from daemon.decide import breaker as breakers
from daemon.decide import failure
from daemon.decide.decisions import Decisions
from events.breakers import BreakerReason
from events.terms import FailureClass, SkipReason
from projections import breaker, policy, traffic
from projections.breaker import Breaker, Phase
from projections.grant import Phase as GrantPhase
from projections.world import World

ATTEMPTS_MAX = 3  # exchanges for one call
DELAY = timedelta(milliseconds=200)  # doubled for each retry, and a part of it drawn
CONNECT = timedelta(seconds=10)  # what an exchange takes that reaches nobody: transport.CONNECT_S
BUDGET_LEAST = 10  # retries an hour and provider that no budget forbids
UNLESS_SENT = frozenset({FailureClass.NETWORK, FailureClass.TIMEOUT, FailureClass.SERVER})
"""What a call that changes something is made again for, if certainly nothing was sent."""

ANSWERS = frozenset({FailureClass.NOT_FOUND, FailureClass.INVALID})
"""What shows that a provider is there, though this call was of no use to it."""


class Held(Struct, frozen=True, kw_only=True):
    """A call may not leave: why, and until when. Without `until` a person has to do something.

    `retired` says that a breaker is open since the provider was switched off.
    """

    reason: SkipReason
    until: datetime | None = None
    retired: bool = False


class Lost(Struct, frozen=True, kw_only=True):
    """How one exchange of a call failed, and what may still be done.

    `left` is until the caller's deadline. `repeatable` says that it does no harm to send it twice.
    """

    cause: FailureClass
    attempt: int
    left: timedelta
    repeatable: bool
    sent: bool = True
    retry_after: timedelta | None = None


def held(
    subject: int, world: World, now: datetime, *, probing: Collection[int] = ()
) -> Held | None:
    """Why this connection's call may not leave now; None where it may.

    While a breaker is half-open one call or sync at a time may find out; `probing` are the
    connections and providers of which a call does.
    """
    known = world.connections[subject]
    if known.paused:
        return Held(reason=SkipReason.PAUSED)
    if known.grant.phase is GrantPhase.NEEDED:
        return Held(reason=SkipReason.NOT_AUTHORISED)
    provider = world.providers[known.provider]
    for of, stop, running in (
        (subject, known.breaker, known.run is not None),
        (known.provider, provider.breaker, bool(provider.running)),
    ):
        if _stops(stop, now, probed=of in probing or running):
            return _behind(stop, subject, world)
    return None


def shut(subject: int, began: int, world: World, now: datetime) -> Held | None:
    """Why a call that waited for its turn may not leave after all: a breaker opened meanwhile.

    `began` is the number of the last event when it was let in.
    """
    known = world.connections[subject]
    for stop in (known.breaker, world.providers[known.provider].breaker):
        if stop.event > began and breaker.phase(stop, now) is Phase.OPEN:
            return _behind(stop, subject, world)
    return None


def probes(subject: int, world: World, now: datetime) -> frozenset[int]:
    """Of which breakers a call that leaves now is the probe: the connection's, its provider's."""
    known = world.connections[subject]
    stops = {
        subject: known.breaker,
        known.provider: world.providers[known.provider].breaker,
    }
    return frozenset(
        of for of, stop in stops.items() if breaker.phase(stop, now) is Phase.HALF_OPEN
    )


def again(
    lost: Lost, subject: int, world: World, now: datetime, *, jitter: float
) -> timedelta | None:
    """After which rest the call is made once more (requirement E2); None: not again.

    Only where trying again may help, does no harm, ends before the deadline, and is within the
    provider's budget: an outage must not become a storm. Whom our own limits sent away was told
    when to come back, and has had its wait.
    """
    if lost.cause is FailureClass.RATE_LIMITED and not lost.sent:
        return None
    harmless = lost.repeatable or (not lost.sent and lost.cause in UNLESS_SENT)
    if not harmless or not failure.is_retried(lost.cause) or lost.attempt >= ATTEMPTS_MAX:
        return None
    longest = DELAY * 2 ** (lost.attempt - 1)
    rest = max(longest * jitter, lost.retry_after or timedelta(0))
    needs = rest if lost.repeatable else rest + CONNECT  # cut short, nobody knew if it was sent
    if needs >= lost.left or held(subject, world, now) is not None:
        return None
    known = world.connections[subject]
    recent = traffic.last_hour(world.providers[known.provider].traffic, now)
    rules = policy.of_provider(world, known.provider)
    budget = max(BUDGET_LEAST, rules.retry_budget * recent.calls)
    return rest if recent.retries < budget else None


def note(command: NoteCallMade, world: World, now: datetime) -> Decisions:
    """Record an exchange, and what it says of the breakers that its connection stands behind."""
    subject, call = command.subject, command.call
    if subject not in world.connections:
        return []
    if call.cause is None or (call.cause in ANSWERS and call.status is not None):
        followed = breakers.note_success(subject, call.began, world, now)
    else:
        followed = breakers.note_call(subject, call.cause, call.began, world, now)
    return [(subject, call), *followed]


def _behind(stop: Breaker, subject: int, world: World) -> Held:
    known = world.connections[subject]
    both = (known.breaker, world.providers[known.provider].breaker)
    retired = any(each.reason is BreakerReason.RETIRED for each in both)
    return Held(reason=SkipReason.BREAKER, until=stop.until, retired=retired)


def _stops(stop: Breaker, now: datetime, *, probed: bool) -> bool:
    at = breaker.phase(stop, now)
    return at is Phase.OPEN or (at is Phase.HALF_OPEN and probed)
