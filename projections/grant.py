"""How does this connection's grant stand: which pair of tokens, and may it be used?

             ConnectionAuthorised
NEEDED ◄──────────────┐   │
  ▲                   │   ▼
  │  AuthorisationNeeded  GOOD ──RefreshIntended──► REFRESHING ──TokenRefreshed──► GOOD
  │                   │   ▲                          │      │       (next generation)
  │                   │   └──────RefreshFailed───────┘      │
  └───────────────────┴─── IN_DOUBT ◄──────TokenInDoubt─────┘
                             │  ▲
                             └──┴─ RefreshIntended, once more, if the provider allows it
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import (
    AuthorisationBegun,
    AuthorisationNeeded,
    AuthorisationWaived,
    ConnectionAuthorised,
    CredentialSet,
    RefreshFailed,
    RefreshIntended,
    RenewalScheduled,
    TokenInDoubt,
    TokenRefreshed,
)
from events.terms import NeedReason, RefreshReason

READ = (
    RefreshIntended,
    TokenRefreshed,
    RefreshFailed,
    TokenInDoubt,
    AuthorisationNeeded,
    AuthorisationWaived,
    RenewalScheduled,
    AuthorisationBegun,
    ConnectionAuthorised,
    CredentialSet,
)
"""What tells of a grant."""


class Phase(StrEnum):
    """NONE: there is no grant, and nobody has said that one is needed."""

    NONE = "none"
    GOOD = "good"
    REFRESHING = "refreshing"
    IN_DOUBT = "in-doubt"
    NEEDED = "needed"


class Grant(Struct, frozen=True, kw_only=True):
    """`generation` counts pairs of tokens, `token` is the refresh token's keyed fingerprint.

    `before` is the phase that a refresh began in; `renew_by` is when the grant asks to be looked
    after for its own sake; `refused` says that the provider took the access token no more before
    it was to be refreshed; `tries` counts how often a token in doubt was sent; `beginning` says
    that somebody was sent to the provider to authorise; `refreshes` and `refreshed_at` are of the
    connection's whole life; `account` is the number of the event that last said whose account this
    is.
    """

    phase: Phase = Phase.NONE
    before: Phase = Phase.NONE
    generation: int = 0
    token: str = ""
    expires_at: datetime | None = None
    renew_by: datetime | None = None
    refused: bool = False
    doubted_at: datetime | None = None
    tries: int = 0
    beginning: bool = False
    authorised_at: datetime | None = None
    refreshes: int = 0
    refreshed_at: datetime | None = None
    reason: NeedReason | None = None
    error: str = ""
    account: int = 0


def evolve(grant: Grant, recorded: Recorded) -> Grant:
    match recorded.event:
        case RefreshIntended(reason=reason, tries=tries):
            return replace(
                grant,
                phase=Phase.REFRESHING,
                before=grant.phase,
                refused=grant.refused or reason is RefreshReason.REFUSED,
                tries=tries,
                renew_by=None,
            )
        case TokenRefreshed() as event:
            return replace(
                _paired(grant, event), refreshes=grant.refreshes + 1, refreshed_at=recorded.at
            )
        case RefreshFailed(renew_by=renew_by):
            tries = max(0, grant.tries - 1)  # that one used nothing up
            return replace(grant, phase=grant.before, tries=tries, renew_by=renew_by)
        case TokenInDoubt(tries=tries, renew_by=renew_by):
            since = grant.doubted_at or recorded.at
            return replace(
                grant, phase=Phase.IN_DOUBT, doubted_at=since, tries=tries, renew_by=renew_by
            )
        case RenewalScheduled(renew_by=renew_by):
            return replace(grant, renew_by=renew_by)
        case AuthorisationNeeded(reason=reason, error=error):
            return replace(
                grant, phase=Phase.NEEDED, reason=reason, error=error, renew_by=None, tries=0
            )
        case AuthorisationBegun():
            return replace(grant, beginning=True)
        case ConnectionAuthorised() as event:
            return replace(
                _paired(grant, event),
                authorised_at=recorded.at,
                beginning=False,
                account=recorded.seq,
            )
        case CredentialSet(purpose="credential") | AuthorisationWaived():
            return replace(again(grant), account=recorded.seq)
        case _:
            return grant


def again(grant: Grant) -> Grant:
    """The grant of a connection that comes back: none, but its pairs are counted on.

    Else what is left of the old one in the vault would pass for a newer pair than the log's.
    """
    return Grant(
        generation=grant.generation, refreshes=grant.refreshes, refreshed_at=grant.refreshed_at
    )


def _paired(grant: Grant, event: ConnectionAuthorised | TokenRefreshed) -> Grant:
    """A new pair is in use, and all doubt about the one before it is over."""
    return replace(
        grant,
        phase=Phase.GOOD,
        generation=event.generation,
        token=event.token,
        expires_at=event.expires_at,
        renew_by=event.renew_by,
        refused=False,
        doubted_at=None,
        tries=0,
        reason=None,
        error="",
    )
