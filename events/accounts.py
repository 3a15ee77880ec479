"""Which facts can be recorded about a connection's account: its credential, its grant, its tokens?

A *grant* is what a person allowed an application to do at a provider (OAuth 2.0). The pair of
access and refresh token that stands for it is replaced now and then; each pair is a *generation*,
counted from 1. A `token` in an event is a keyed fingerprint of the refresh token, by which one can
be told from another, and nothing else; it is empty where there is no refresh token.
"""

from datetime import datetime

from events.fact import Fact
from events.terms import Caller, DoubtReason, FailureClass, NeedReason, RefreshReason


class CredentialSet(Fact, frozen=True, kw_only=True, tag="credential-set"):
    """What the vault holds of a connection under `purpose` is another one from here on.

    A `credential` ends the grant that was given to the one before; another `client-secret` of the
    same application does not, nor do other `settings`.
    """

    purpose: str = "credential"
    by: Caller | None = None


class ProviderClientSet(Fact, frozen=True, kw_only=True, tag="provider-client-set"):
    """The application's own id and secret at a provider are others from here on."""

    by: Caller | None = None


class AuthorisationBegun(Fact, frozen=True, kw_only=True, tag="authorisation-begun"):
    """Somebody was sent to the provider to authorise this connection."""

    by: Caller | None = None


class ConnectionAuthorised(Fact, frozen=True, kw_only=True, tag="connection-authorised"):
    """A person authorised the connection; the first pair of a new grant is sealed.

    `expires_at` is the access token's; before `renew_by` the refresh token must be used.
    """

    generation: int
    token: str
    expires_at: datetime
    renew_by: datetime | None = None
    by: Caller | None = None


class AuthorisationNeeded(Fact, frozen=True, kw_only=True, tag="authorisation-needed"):
    """Nothing starts on this connection until a person authorises it.

    `error` is the OAuth error code that the provider gave, if it is a registered one.
    """

    reason: NeedReason
    generation: int = 0
    error: str = ""
    sync: int | None = None


class AuthorisationWaived(Fact, frozen=True, kw_only=True, tag="authorisation-waived"):
    """Nobody need authorise the connection any more: its provider's file asks for no consent."""


class RefreshIntended(Fact, frozen=True, kw_only=True, tag="refresh-intended"):
    """The refresh token of that generation is about to be sent. `tries` counts, in doubt.

    `sync` is the sync that needs the token; None where the grant is only kept alive.
    """

    generation: int
    token: str
    reason: RefreshReason
    tries: int = 0
    sync: int | None = None


class TokenRefreshed(Fact, frozen=True, kw_only=True, tag="token-refreshed"):
    """A new pair is sealed, and in use from here on. `token` is the one to be used next."""

    generation: int
    token: str
    expires_at: datetime
    renew_by: datetime | None = None
    rotated: bool = True
    sync: int | None = None


class RefreshFailed(Fact, frozen=True, kw_only=True, tag="refresh-failed"):
    """No new token came, and the one there is was not used up by trying: it is as good as before.

    `in_doubt` says that it was in doubt already, and still is. At `renew_by` it is tried again,
    unless a sync comes first.
    """

    generation: int
    cause: FailureClass
    message: str
    status: int | None = None
    error: str = ""
    in_doubt: bool = False
    renew_by: datetime | None = None
    sync: int | None = None


class TokenInDoubt(Fact, frozen=True, kw_only=True, tag="token-in-doubt"):
    """The refresh token was sent, and no answer was kept: it may have been replaced, or not.

    `tries` is how many times it was sent since, as far as they count: silence does not. At
    `renew_by` the provider's way out is tried, unless a sync comes first.
    """

    generation: int
    reason: DoubtReason
    cause: FailureClass | None = None
    tries: int = 0
    renew_by: datetime | None = None
    sync: int | None = None


class RenewalScheduled(Fact, frozen=True, kw_only=True, tag="renewal-scheduled"):
    """When what is to be done for the grant's own sake is done, decided anew.

    The clock stepped back, or a doubt can be settled now that its provider's file says how.
    """

    renew_by: datetime
