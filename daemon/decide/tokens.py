"""Is a token to be refreshed, and what follows from how that went?

The order that makes it safe is the shell's: RefreshIntended durable ─► call ─► new pair sealed ─►
TokenRefreshed ─► used. What is decided here is when to try, and what an outcome means.
"""

from datetime import datetime, timedelta

from daemon.commands import (
    Activate,
    Authorise,
    BeginAuthorisation,
    LoseRefresh,
    Pair,
    Renew,
    SetClient,
    Settle,
)
from daemon.decide import doubt
from daemon.decide.decisions import Decisions
from daemon.decide.doubt import grant_policy
from events.schema import (
    AuthorisationBegun,
    ConnectionAuthorised,
    ProviderClientSet,
    RefreshFailed,
    RenewalScheduled,
    SyncScheduled,
    TokenInDoubt,
    TokenRefreshed,
)
from events.terms import (
    Caller,
    DoubtReason,
    GrantPolicy,
    Kind,
    NeedReason,
    RefreshReason,
    ScheduleReason,
    WayOut,
)
from projections.connection import Connection
from projections.grant import Grant, Phase
from projections.world import World

ABOUT_TO_EXPIRE = timedelta(seconds=30)  # a request that is under way then must still be served
KEEP_ALIVE = 0.75  # of the idle time: what is left is for outages, ours and the provider's
KEEP_ALIVE_RETRY = timedelta(hours=1)  # a grant has days left when it is first tried
DEAD = "invalid_grant"  # RFC 6749, section 5.2: unknown, expired, revoked, used already


def begin(command: BeginAuthorisation, world: World) -> Decisions:
    if grant_policy(world, command.subject) is None:
        return []
    return [(command.subject, AuthorisationBegun(by=command.by))]


def authorise(command: Authorise, world: World, now: datetime) -> Decisions:
    """Use the new grant; a sync that would have been due later starts at once."""
    known, policy = world.connections.get(command.subject), grant_policy(world, command.subject)
    if known is None or known.removed or policy is None:
        return []
    overtaken = doubt.left(command.subject, known, world, now, DoubtReason.OVERTAKEN)
    return [*overtaken, *_authorised(command.subject, command.pair, world, now, command.by)]


def renew(command: Renew, world: World, now: datetime) -> Decisions:
    """Refresh what is missing, refused, about to expire or to die of idleness; settle doubt."""
    subject, known = command.subject, world.connections.get(command.subject)
    policy = grant_policy(world, subject)
    if known is None or known.removed or policy is None:
        return []
    match known.grant.phase:
        case Phase.NONE:
            return _first(command, known, policy)
        case Phase.IN_DOUBT:
            return doubt.way_out(command, known, policy, now)
        case Phase.GOOD:
            return _refresh(command, world, known, policy, now)
        case _:  # it needs a person, or is being refreshed
            return []


def tend(subject: int, known: Connection, world: World, now: datetime) -> Decisions:
    """Look after a grant that asks for it, also while its connection is paused (requirement C1).

    One that idles is refreshed before it dies of that; one in doubt is settled.
    """
    grant = known.grant
    if grant.renew_by is None or grant.renew_by > now or known.run or known.removed:
        return []
    wish = Renew(subject=subject, kept=grant.generation)  # the vault is looked at on carrying out
    policy = grant_policy(world, subject) or doubt.NO_OAUTH
    if grant.phase is Phase.IN_DOUBT:
        return doubt.way_out(wish, known, policy, now)
    return [doubt.intended(wish, known, RefreshReason.IDLE)]


def reviewed(subject: int, known: Connection, by: timedelta) -> Decisions:
    """A renewal goes back with the clock: at the provider no more time has passed than here."""
    renew_by = known.grant.renew_by
    if renew_by is None or by > timedelta(0):
        return []
    return [(subject, RenewalScheduled(renew_by=renew_by + by))]


def activate(command: Activate, world: World, now: datetime) -> Decisions:
    known = world.connections.get(command.subject)
    policy = grant_policy(world, command.subject) or doubt.NO_OAUTH
    if known is None or known.grant.phase is not Phase.REFRESHING:
        return []
    return [(command.subject, _refreshed(command.pair, policy, now, command.sync))]


def lose(command: LoseRefresh, world: World, now: datetime) -> Decisions:
    """A refused grant needs a person; anything else does not (requirement C3)."""
    subject, known = command.subject, world.connections.get(command.subject)
    policy = grant_policy(world, subject) or doubt.NO_OAUTH
    if known is None or known.grant.phase is not Phase.REFRESHING:
        return []
    if command.missing and policy.person:
        return [(subject, doubt.needed(known, NeedReason.LOST, command.sync))]
    if command.error == DEAD and policy.person:
        reason = NeedReason.USED_UP if known.grant.doubted_at else NeedReason.REFUSED
        return [(subject, doubt.needed(known, reason, command.sync, command.error))]
    if command.sent and policy.way_out is not WayOut.FREE:
        return [(subject, _unanswered(command, known.grant, policy, now))]
    return [(subject, _failed(command, known.grant, policy, now))]


def settle(command: Settle, world: World, now: datetime) -> Decisions:
    """Take over what was sealed before its event was written; what was not is in doubt."""
    subject, known = command.subject, world.connections.get(command.subject)
    policy = grant_policy(world, subject)
    if known is None or known.removed:
        return []
    grant, pair = known.grant, command.kept
    newer = pair is not None and pair.generation > grant.generation
    if pair is not None and newer and policy is not None:  # its file may have no OAuth any more
        if grant.beginning and grant.phase is not Phase.REFRESHING:
            return _authorised(subject, pair, world, now, None)
        if grant.phase in {Phase.REFRESHING, Phase.IN_DOUBT}:
            sync = known.run.sync if known.run else None
            return [(subject, _refreshed(pair, policy, now, sync))]
    return doubt.left(subject, known, world, now)


def set_client(command: SetClient, world: World) -> Decisions:
    if command.subject not in world.providers:
        return []
    return [(command.subject, ProviderClientSet(by=command.by))]


def needs_person(world: World, provider: int) -> bool:
    """Whether a connection to this provider begins with a person's consent."""
    known = world.providers.get(provider)
    return known is not None and known.grant is not None and known.grant.person


def _first(command: Renew, known: Connection, policy: GrantPolicy) -> Decisions:
    if policy.person:
        return [(command.subject, doubt.needed(known, NeedReason.NEW, command.sync))]
    return [doubt.intended(command, known, RefreshReason.FIRST)]


def _refresh(
    command: Renew, world: World, known: Connection, policy: GrantPolicy, now: datetime
) -> Decisions:
    grant = known.grant
    assert grant.expires_at is not None, "a pair says until when it is good"
    if command.kept != grant.generation:  # the vault is an older copy than the log, or was emptied
        if policy.person:
            return [(command.subject, doubt.needed(known, NeedReason.LOST, command.sync))]
        return [doubt.intended(command, known, RefreshReason.FIRST)]
    refused = command.refused == grant.generation
    expiring = grant.expires_at - now < _threshold(command, world, known)
    idle = grant.renew_by is not None and grant.renew_by <= now
    if not (refused or expiring or idle):
        return []
    if policy.person and not grant.token:  # nothing to refresh it with
        over = grant.expires_at <= now or (refused and not command.program)
        return (
            [(command.subject, doubt.needed(known, NeedReason.EXPIRED, command.sync))]
            if over
            else []
        )
    if refused:
        return [doubt.intended(command, known, RefreshReason.REFUSED)]
    return [
        doubt.intended(command, known, RefreshReason.EXPIRING if expiring else RefreshReason.IDLE)
    ]


def _unanswered(
    command: LoseRefresh, grant: Grant, policy: GrantPolicy, now: datetime
) -> TokenInDoubt:
    """It was sent, and silence followed: that try does not count."""
    return TokenInDoubt(
        generation=grant.generation,
        reason=DoubtReason.UNANSWERED,
        cause=command.cause,
        tries=max(0, grant.tries - 1),
        renew_by=doubt.retry_at(grant, policy, now, command.retry_after),
        sync=command.sync,
    )


def _failed(
    command: LoseRefresh, grant: Grant, policy: GrantPolicy, now: datetime
) -> RefreshFailed:
    """Nothing was used up. What keeps a grant alive, or ends a doubt, is tried again soon."""
    again = None
    if grant.doubted_at:
        again = doubt.retry_at(grant, policy, now, command.retry_after)
    elif policy.idle and grant.token:
        again = now + max(KEEP_ALIVE_RETRY, command.retry_after or KEEP_ALIVE_RETRY)
    return RefreshFailed(
        generation=grant.generation,
        cause=command.cause,
        message=command.message,
        status=command.status,
        error=command.error,
        in_doubt=grant.doubted_at is not None,
        renew_by=again,
        sync=command.sync,
    )


def _threshold(command: Renew, world: World, known: Connection) -> timedelta:
    """How long the token must still be good for: as the run asks, else by its kind (C1)."""
    if command.going_on or known.run is None:
        return ABOUT_TO_EXPIRE
    if known.run.options and known.run.options.threshold is not None:
        return known.run.options.threshold
    policy = world.fleet.policy
    manual = known.run.kind is Kind.MANUAL
    return policy.refresh_before_manual if manual else policy.refresh_before


def _refreshed(pair: Pair, policy: GrantPolicy, now: datetime, sync: int | None) -> TokenRefreshed:
    return TokenRefreshed(
        generation=pair.generation,
        token=pair.token,
        expires_at=pair.expires_at,
        renew_by=_renew_by(pair, policy, now),
        rotated=pair.rotated,
        sync=sync,
    )


def _authorised(
    subject: int, pair: Pair, world: World, now: datetime, by: Caller | None
) -> Decisions:
    policy, due = grant_policy(world, subject), world.connections[subject].schedule.due
    authorised = ConnectionAuthorised(
        generation=pair.generation,
        token=pair.token,
        expires_at=pair.expires_at,
        renew_by=_renew_by(pair, policy, now) if policy else None,
        by=by,
    )
    if due is not None and due <= now:
        return [(subject, authorised)]
    at_once = SyncScheduled(due=now, reason=ScheduleReason.AUTHORISED)
    return [(subject, authorised), (subject, at_once)]


def _renew_by(pair: Pair, policy: GrantPolicy, now: datetime) -> datetime | None:
    return now + KEEP_ALIVE * policy.idle if policy.idle and pair.token else None
