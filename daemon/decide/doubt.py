"""When is a token in doubt, and which way leads out of it?

A refresh token was sent, and nobody knows whether the provider has replaced it. The provider's
file says what may be tried; after that a person is asked. Nothing of it waits for a sync.
"""

from datetime import datetime, timedelta

from daemon.commands import Introspection, Renew, Testify
from daemon.decide.decisions import Decisions
from events.schema import AuthorisationNeeded, RefreshIntended, TokenInDoubt
from events.terms import (
    DoubtReason,
    GrantPolicy,
    NeedReason,
    RefreshReason,
    WayOut,
)
from projections.connection import Connection
from projections.grant import Grant, Phase
from projections.world import World

RETRY = timedelta(seconds=5)  # a server that hung up has often restarted by then
RETRY_MAX = timedelta(hours=1)
TRIES_MAX = 3  # that ended with our own death; one that the provider answers is the last
NO_OAUTH = GrantPolicy(way_out=WayOut.FREE, person=False)
"""What holds for a refresh that is open while its provider's file speaks of OAuth no more."""


def grant_policy(world: World, subject: int) -> GrantPolicy | None:
    known = world.connections.get(subject)
    provider = world.providers.get(known.provider) if known else None
    return provider.grant if provider else None


def left(
    subject: int,
    known: Connection,
    world: World,
    now: datetime,
    reason: DoubtReason = DoubtReason.DIED,
) -> Decisions:
    """What leaves a refresh behind in its middle leaves nobody who will know how that went."""
    if known.grant.phase is not Phase.REFRESHING:
        return []
    policy = grant_policy(world, subject) or NO_OAUTH
    doubt = TokenInDoubt(
        generation=known.grant.generation,
        reason=reason,
        tries=known.grant.tries,
        renew_by=retry_at(known.grant, policy, now),
        sync=known.run.sync if known.run else None,
    )
    return [(subject, doubt)]


def retry_at(
    grant: Grant, policy: GrantPolicy, now: datetime, wait: timedelta | None = None
) -> datetime | None:
    """When the way out is tried next, should no sync come first: each rest doubles the time so far.

    `wait` is what the provider asked for. An application's own grant costs nothing to ask anew.
    """
    if not policy.person:
        return None
    so_far = now - grant.doubted_at if grant.doubted_at else RETRY
    return now + max(min(max(so_far, RETRY), RETRY_MAX), wait or RETRY)


def way_out(command: Renew, known: Connection, policy: GrantPolicy, now: datetime) -> Decisions:
    """Send the refresh token again, where the provider's file lets us hope; else ask a person.

    Where the server can be asked first, that belongs to sending: see `testify`.
    """
    grant, again = known.grant, intended(command, known, RefreshReason.IN_DOUBT)
    need = (command.subject, needed(known, NeedReason.IN_DOUBT, command.sync))
    if command.kept != grant.generation:
        lost = (command.subject, needed(known, NeedReason.LOST, command.sync))
        return [lost] if policy.person else [intended(command, known, RefreshReason.FIRST)]
    match policy.way_out:
        case WayOut.FREE | WayOut.INTROSPECT:
            return [again]
        case WayOut.REUSE if policy.reuse and grant.doubted_at:
            in_time = now < grant.doubted_at + policy.reuse
            return [again] if in_time or grant.tries < TRIES_MAX else [need]
        case WayOut.TRY_ONCE:
            return [again] if grant.tries < TRIES_MAX else [need]
        case _:
            return [need]


def testify(command: Testify, world: World) -> Decisions:
    """Send a token in doubt, as was intended, unless the server says that it is used up.

    Where it cannot be asked after all, the token is tried as if nobody could be.
    """
    subject, known = command.subject, world.connections.get(command.subject)
    policy = grant_policy(world, subject)
    if known is None or known.grant.phase is not Phase.REFRESHING or policy is None:
        return []
    tried = policy.way_out is WayOut.INTROSPECT and known.grant.tries > TRIES_MAX
    if command.says is Introspection.INACTIVE:
        return [(subject, needed(known, NeedReason.USED_UP, command.sync))]
    if command.says is Introspection.NOT_ASKED and tried:
        return [(subject, needed(known, NeedReason.IN_DOUBT, command.sync))]
    return []


def intended(
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


def needed(
    known: Connection, reason: NeedReason, sync: int | None, error: str = ""
) -> AuthorisationNeeded:
    return AuthorisationNeeded(
        reason=reason, generation=known.grant.generation, error=error, sync=sync
    )
