"""Is a token to be refreshed, and what follows from how that went?

The order that makes it safe is the shell's: RefreshIntended durable ─► call ─► new pair sealed ─►
TokenRefreshed ─► used. What is decided here is when to try, and what an outcome means.
"""

from datetime import datetime, timedelta

from daemon.commands import (
    Activate,
    Authorise,
    BeginAuthorisation,
    Introspection,
    LoseRefresh,
    Pair,
    Renew,
    SetClient,
    Settle,
)
from daemon.decide.outcome import Decisions, left_in_doubt
from events.schema import (
    AuthorisationBegun,
    AuthorisationNeeded,
    ConnectionAuthorised,
    ProviderClientSet,
    RefreshFailed,
    RefreshIntended,
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
from projections.grant import Phase
from projections.world import World

ABOUT_TO_EXPIRE = timedelta(seconds=30)  # a request that is under way then must still be served
KEEP_ALIVE = 0.75  # of the idle time: what is left is for outages, ours and the provider's
KEEP_ALIVE_RETRY = timedelta(hours=1)  # a grant has days left when it is first tried
NO_OAUTH = GrantPolicy(way_out=WayOut.FREE, person=False)
"""What holds for a refresh that is open while its provider's file speaks of OAuth no more."""

DEAD = "invalid_grant"  # RFC 6749, section 5.2: unknown, expired, revoked, used already


def begin(command: BeginAuthorisation, world: World) -> Decisions:
    if _grant_policy(world, command.subject) is None:
        return []
    return [(command.subject, AuthorisationBegun(by=command.by))]


def authorise(command: Authorise, world: World, now: datetime) -> Decisions:
    """Use the new grant; a sync that would have been due later starts at once."""
    known, policy = world.connections.get(command.subject), _grant_policy(world, command.subject)
    if known is None or known.removed or policy is None:
        return []
    overtaken = left_in_doubt(command.subject, known)
    return [*overtaken, *_authorised(command.subject, command.pair, world, now, command.by)]


def renew(command: Renew, world: World, now: datetime) -> Decisions:
    """Refresh what is missing, refused, about to expire or to die of idleness; settle doubt."""
    subject, known = command.subject, world.connections.get(command.subject)
    policy = _grant_policy(world, subject)
    if known is None or known.removed or policy is None:
        return []
    match known.grant.phase:
        case Phase.NONE:
            return _first(command, known, policy)
        case Phase.IN_DOUBT:
            return _way_out(command, known, policy, now)
        case Phase.GOOD:
            return _refresh(command, world, known, policy, now)
        case _:  # it needs a person, or is being refreshed
            return []


def activate(command: Activate, world: World, now: datetime) -> Decisions:
    known = world.connections.get(command.subject)
    policy = _grant_policy(world, command.subject) or NO_OAUTH
    if known is None or known.grant.phase is not Phase.REFRESHING:
        return []
    return [(command.subject, _refreshed(command.pair, policy, now, command.sync))]


def lose(command: LoseRefresh, world: World, now: datetime) -> Decisions:
    """A refused grant needs a person; anything else does not (requirement C3)."""
    subject, known = command.subject, world.connections.get(command.subject)
    policy = _grant_policy(world, subject) or NO_OAUTH
    if known is None or known.grant.phase is not Phase.REFRESHING:
        return []
    grant = known.grant
    if command.error == DEAD and policy.person:
        reason = NeedReason.IN_DOUBT if grant.doubted_at else NeedReason.REFUSED
        return [(subject, _needed(known, reason, command.sync, command.error))]
    if command.sent and policy.way_out is not WayOut.FREE:
        doubt = TokenInDoubt(
            generation=grant.generation,
            reason=DoubtReason.UNANSWERED,
            cause=command.cause,
            tries=max(0, grant.tries - 1),  # this one does not count
            sync=command.sync,
        )
        return [(subject, doubt)]
    failed = RefreshFailed(
        generation=grant.generation,
        cause=command.cause,
        message=command.message,
        status=command.status,
        error=command.error,
        in_doubt=grant.doubted_at is not None,
        renew_by=now + KEEP_ALIVE_RETRY if policy.idle and grant.token else None,
        sync=command.sync,
    )
    return [(subject, failed)]


def settle(command: Settle, world: World, now: datetime) -> Decisions:
    """Take over what was sealed before its event was written; what was not is in doubt."""
    subject, known = command.subject, world.connections.get(command.subject)
    policy = _grant_policy(world, subject)
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
    return left_in_doubt(subject, known)


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
        return [(command.subject, _needed(known, NeedReason.NEW, command.sync))]
    return [_intended(command, known, RefreshReason.FIRST)]


def _refresh(
    command: Renew, world: World, known: Connection, policy: GrantPolicy, now: datetime
) -> Decisions:
    grant = known.grant
    assert grant.expires_at is not None, "a pair says until when it is good"
    if command.kept != grant.generation:  # the vault is an older copy than the log, or was emptied
        if policy.person:
            return [(command.subject, _needed(known, NeedReason.LOST, command.sync))]
        return [_intended(command, known, RefreshReason.FIRST)]
    refused = command.refused == grant.generation
    expiring = grant.expires_at - now < _threshold(command, world, known)
    idle = grant.renew_by is not None and grant.renew_by <= now
    if not (refused or expiring or idle):
        return []
    if policy.person and not grant.token:  # nothing to refresh it with
        over = refused or grant.expires_at <= now
        return [(command.subject, _needed(known, NeedReason.EXPIRED, command.sync))] if over else []
    if refused:
        return [_intended(command, known, RefreshReason.REFUSED)]
    return [_intended(command, known, RefreshReason.EXPIRING if expiring else RefreshReason.IDLE)]


def _way_out(command: Renew, known: Connection, policy: GrantPolicy, now: datetime) -> Decisions:
    grant, again = known.grant, _intended(command, known, RefreshReason.IN_DOUBT)
    needed = (command.subject, _needed(known, NeedReason.IN_DOUBT, command.sync))
    if command.kept != grant.generation:
        return [needed] if policy.person else [_intended(command, known, RefreshReason.FIRST)]
    match policy.way_out:
        case WayOut.FREE:
            return [again]
        case WayOut.REUSE if policy.reuse and grant.doubted_at:
            in_time = now < grant.doubted_at + policy.reuse
            return [again] if in_time or grant.tries == 0 else [needed]
        case WayOut.INTROSPECT if command.introspection is Introspection.SILENT:
            return []
        case WayOut.INTROSPECT if command.introspection is not Introspection.NOT_ASKED:
            return [again] if command.introspection is Introspection.ACTIVE else [needed]
        case WayOut.TRY_ONCE | WayOut.INTROSPECT:
            return [again] if grant.tries == 0 else [needed]
        case _:
            return [needed]


def _threshold(command: Renew, world: World, known: Connection) -> timedelta:
    """How long the token must still be good for: as the run asks, else by its kind (C1)."""
    if command.going_on or known.run is None:
        return ABOUT_TO_EXPIRE
    if known.run.options and known.run.options.threshold is not None:
        return known.run.options.threshold
    policy = world.fleet.policy
    manual = known.run.kind is Kind.MANUAL
    return policy.refresh_before_manual if manual else policy.refresh_before


def _intended(
    command: Renew, known: Connection, reason: RefreshReason
) -> tuple[int, RefreshIntended]:
    in_doubt = reason is RefreshReason.IN_DOUBT
    return command.subject, RefreshIntended(
        generation=known.grant.generation,
        token=known.grant.token,
        reason=reason,
        tries=known.grant.tries + 1 if in_doubt else 0,
        sync=command.sync,
    )


def _needed(
    known: Connection, reason: NeedReason, sync: int | None, error: str = ""
) -> AuthorisationNeeded:
    return AuthorisationNeeded(
        reason=reason, generation=known.grant.generation, error=error, sync=sync
    )


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
    policy, due = _grant_policy(world, subject), world.connections[subject].schedule.due
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


def _grant_policy(world: World, subject: int) -> GrantPolicy | None:
    known = world.connections.get(subject)
    provider = world.providers.get(known.provider) if known else None
    return provider.grant if provider else None
