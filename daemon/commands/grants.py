"""What can be wished for of a connection's grant, and what has come of a refresh?"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from events.terms import Caller, FailureClass


class SetClient(Struct, frozen=True, kw_only=True):
    """The vault holds another id and secret of ours for this provider than before."""

    subject: int
    by: Caller | None = None


class BeginAuthorisation(Struct, frozen=True, kw_only=True):
    """Note that somebody is sent to the provider to authorise this connection."""

    subject: int
    by: Caller | None = None


class Pair(Struct, frozen=True, kw_only=True):
    """What may be said of a pair of tokens that lies sealed in the vault."""

    generation: int
    token: str
    expires_at: datetime
    rotated: bool = True


class Authorise(Struct, frozen=True, kw_only=True):
    """The first pair of a new grant is sealed: use it."""

    subject: int
    pair: Pair
    by: Caller | None = None


class Introspection(StrEnum):
    """What the provider says of a token in doubt when it is asked."""

    NOT_ASKED = "not-asked"
    ACTIVE = "active"
    INACTIVE = "inactive"
    SILENT = "silent"


class Renew(Struct, frozen=True, kw_only=True):
    """A token is about to be used: refresh it first, if that is needed and allowed.

    `kept` is the pair in the vault; `refused` the generation that the provider no longer takes.
    With `going_on` the sync has begun already, and only what is about to expire counts. A `program`
    picks the path that was refused: that is no proof against the token.
    """

    subject: int
    kept: int | None
    sync: int | None = None
    refused: int | None = None
    going_on: bool = False
    program: bool = False


class Testify(Struct, frozen=True, kw_only=True):
    """What the provider says of a token in doubt that is about to be sent again."""

    subject: int
    says: Introspection
    sync: int | None = None


class Activate(Struct, frozen=True, kw_only=True):
    """A new pair came and is sealed."""

    subject: int
    pair: Pair
    sync: int | None = None


class LoseRefresh(Struct, frozen=True, kw_only=True):
    """A refresh brought no pair. `sent` says that it may have reached the provider unanswered.

    `error` is a registered OAuth error code, or nothing; `retry_after` is for how long the
    provider asked to be left alone; `missing` says that the vault does not hold what was intended.
    """

    subject: int
    cause: FailureClass
    message: str
    sent: bool
    status: int | None = None
    error: str = ""
    retry_after: timedelta | None = None
    missing: bool = False
    sync: int | None = None


class Settle(Struct, frozen=True, kw_only=True):
    """An earlier life ended in a refresh, or an authorisation: this is what was kept of it."""

    subject: int
    kept: Pair | None


GrantCommand: TypeAlias = (
    SetClient | BeginAuthorisation | Authorise | Renew | Testify | Activate | LoseRefresh | Settle
)
