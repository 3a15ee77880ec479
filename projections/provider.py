"""What is declared of one provider, and how are its connections doing?"""

from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.breakers import (
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReset,
)
from events.envelope import Recorded
from events.limits import (
    AllowanceRecounted,
    AllowanceTaken,
    LimitAdapted,
    LimitHeld,
    LimitPolicy,
)
from events.schema import (
    CallFailed,
    CallMade,
    ConnectionAdded,
    ConnectionRemoved,
    PassEnded,
    ProviderDeclared,
    ProviderRetired,
    ProviderReturned,
    RetirementAnnounced,
    RetryScheduled,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import GrantPolicy, StreamPolicy
from events.versions import RolledBack, StateRestored
from projections import allowance, breaker, retirement, tally, traffic
from projections.allowance import Allowance
from projections.breaker import Breaker
from projections.retirement import Retirement
from projections.tally import Tally
from projections.traffic import Traffic

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STOPPED_KEPT = 64  # connections whose breaker waits that a neighbour's success is told to
STARTS_KEPT = 100  # as many as a batch may have
MINUTES_KEPT = 60  # an hour, over which retries are counted against other starts


class Minute(Struct, frozen=True, kw_only=True):
    """In that minute since 1970: syncs that started and were no retries, retries scheduled."""

    minute: int
    turns: int = 0
    retries: int = 0


class Provider(Struct, frozen=True, kw_only=True):
    """`running` holds the connections that sync, `stopped` some whose own breaker waits.

    `declared_in` is the number of the event that said what its file says. `minutes` are those of
    the last hour with any starts, `starts` the last ones themselves; `tally`
    sums up what ended since the last pass.
    """

    name: str = ""
    digest: str = ""
    declared_in: int = 0
    streams: tuple[StreamPolicy, ...] = ()
    grant: GrantPolicy | None = None
    connections: int = 0
    running: frozenset[int] = frozenset()
    stopped: frozenset[int] = frozenset()
    breaker: Breaker = Breaker()
    minutes: tuple[Minute, ...] = ()
    starts: tuple[datetime, ...] = ()
    tally: Tally | None = None
    limits: tuple[LimitPolicy, ...] = ()
    allowance: Allowance = Allowance()
    traffic: Traffic = ()
    retirement: Retirement = retirement.NOTHING


def evolve(provider: Provider, recorded: Recorded) -> Provider:
    """Fold an event of the provider's own, or of one of its connections."""
    match recorded.event:
        case SyncStarted(attempt=attempt):
            return replace(
                provider,
                running=provider.running | {recorded.subject},
                minutes=_counted(provider, recorded.at, turns=int(attempt == 0)),
                starts=(*provider.starts, recorded.at)[-STARTS_KEPT:],
                tally=provider.tally or Tally(begun=recorded.at),
            )
        case SyncSucceeded(pass_=part) | SyncFailed(pass_=part):
            return replace(
                provider,
                running=provider.running - {recorded.subject},
                breaker=breaker.evolve(provider.breaker, recorded),
                tally=_tallied(provider.tally, recorded) if part is None else provider.tally,
            )
        case PassEnded():
            return replace(provider, tally=None)
        case SyncCancelled() | SyncInterrupted():
            return replace(provider, running=provider.running - {recorded.subject})
        case RetryScheduled():
            return replace(provider, minutes=_counted(provider, recorded.at, retries=1))
        case CallMade():
            return replace(
                provider,
                breaker=breaker.evolve(provider.breaker, recorded),
                traffic=traffic.evolve(provider.traffic, recorded),
            )
        case (
            CallFailed()
            | BreakerOpened()
            | BreakerProbed()
            | BreakerEased()
            | BreakerClosed()
            | BreakerReset()
        ):
            return replace(
                provider,
                breaker=breaker.evolve(provider.breaker, recorded),
                retirement=retirement.evolve(provider.retirement, recorded),
            )
        case ProviderDeclared() as event:
            return _declared(provider, recorded, event)
        case RetirementAnnounced() | ProviderRetired() | ProviderReturned():
            return replace(provider, retirement=retirement.evolve(provider.retirement, recorded))
        case AllowanceTaken() | AllowanceRecounted() | LimitHeld() | LimitAdapted():
            return replace(provider, allowance=allowance.evolve(provider.allowance, recorded))
        case ConnectionAdded():
            return joined(provider)
        case ConnectionRemoved():
            return left(provider, recorded.subject)
        case _:
            return provider


def _declared(provider: Provider, recorded: Recorded, event: ProviderDeclared) -> Provider:
    return replace(
        provider,
        name=event.name,
        digest=event.digest,
        declared_in=recorded.seq,
        streams=event.streams,
        grant=event.grant,
        limits=event.limits,
        retirement=retirement.evolve(provider.retirement, recorded),
    )


def joined(provider: Provider) -> Provider:
    """One connection more."""
    return replace(provider, connections=provider.connections + 1)


def left(provider: Provider, subject: int) -> Provider:
    """Without that connection, which does not sync just now."""
    return replace(
        provider, connections=provider.connections - 1, stopped=provider.stopped - {subject}
    )


def neighbour(provider: Provider, recorded: Recorded) -> Provider:
    """Fold an event of the breaker of one of its connections."""
    known = retirement.evolve(provider.retirement, recorded)
    if known is not provider.retirement:
        provider = replace(provider, retirement=known)
    stopped, subject = provider.stopped, recorded.subject
    match recorded.event:
        case BreakerOpened(until=datetime()) if len(stopped) < STOPPED_KEPT:
            return replace(provider, stopped=stopped | {subject})
        case BreakerOpened(until=None) | BreakerClosed() | BreakerReset() if subject in stopped:
            return replace(provider, stopped=stopped - {subject})
        case RolledBack(state=StateRestored(breaker=was)):
            waits = was.until is not None and len(stopped) < STOPPED_KEPT
            after = stopped | {subject} if waits else stopped - {subject}
            return replace(provider, stopped=after)
        case _:
            return provider


def stream(provider: Provider, name: str) -> StreamPolicy | None:
    """The stream's policy, or None where the provider's file no longer declares it."""
    return next((policy for policy in provider.streams if policy.name == name), None)


def last_hour(provider: Provider, now: datetime) -> tuple[int, int]:
    """How many syncs started that were no retries, and how many retries were scheduled."""
    oldest = _minute(now) - MINUTES_KEPT
    recent = [each for each in provider.minutes if each.minute > oldest]
    return sum(each.turns for each in recent), sum(each.retries for each in recent)


def _counted(
    provider: Provider, at: datetime, *, turns: int = 0, retries: int = 0
) -> tuple[Minute, ...]:
    """One more in its minute. Where the clock stepped back, what lies ahead was in this minute."""
    minute = _minute(at)
    before = provider.minutes
    while before and before[-1].minute >= minute:
        *rest, last = before
        before, turns, retries = tuple(rest), turns + last.turns, retries + last.retries
    return (*before, Minute(minute=minute, turns=turns, retries=retries))[-MINUTES_KEPT:]


def _tallied(before: Tally | None, recorded: Recorded) -> Tally:
    return tally.evolve(before or Tally(begun=recorded.at), recorded)


def _minute(at: datetime) -> int:
    return (at - EPOCH) // MINUTE
