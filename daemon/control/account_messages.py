"""What is said over the control socket of accounts, and of days that are to be fetched?

Times and durations are as in `messages`.
"""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from daemon.duration import Duration
from events.terms import NeedReason

REDIRECT_URI = "http://127.0.0.1:8723/callback"
"""Where the browser comes back to, where neither the file nor the person names another place."""


class SyncWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sync now; the rest holds for this run alone.

    `days` is how many days windows go back, `threshold` for how long a token must still be good,
    and `failed_days` asks for those days alone that failed before. With `force` neither breakers
    nor limits keep it waiting.
    """

    connection: str
    days: Annotated[int, Meta(ge=1, le=366)] | None = None
    threshold: Duration | None = None
    failed_days: bool = False
    force: bool = False


class SyncAllWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sync all connections now, or all of a tenant, or at a provider, and sum them up."""

    tenant: str | None = None
    provider: str | None = None


class BackfillWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fetch days of the past, both ends included, `batch` of them a sync."""

    connection: str
    first: date
    last: date
    batch: Annotated[int, Meta(ge=1, le=366)] = 30
    threshold: Duration | None = None


class AuthorizeWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Begin to authorise a connection; the browser is to come back to `redirect_uri`."""

    connection: str
    redirect_uri: str | None = None


class AuthorizeBegun(Struct, frozen=True, kw_only=True):
    """Where the browser must go, and until when its answer is taken, together with `state`."""

    seq: int
    url: str
    state: str
    redirect_uri: str
    until: datetime


class AuthorizeAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the browser brought back: the address that it ended at, or the bare code."""

    connection: str
    state: str
    answer: str


class ProviderClient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The id and secret of our own application at a provider; a public one has no secret."""

    provider: str
    client_id: str
    client_secret: str | None = None


class GrantView(Struct, frozen=True, kw_only=True):
    """How an OAuth grant stands: good, refreshing, in-doubt or needed (and then why)."""

    phase: str
    reason: NeedReason | None
    error: str
    generation: int
    expires_at: datetime | None
    renew_by: datetime | None
    authorised_at: datetime | None
    refreshes: int
    refreshed_at: datetime | None


class BackfillView(Struct, frozen=True, kw_only=True):
    """The days that a backfill still wants, and when it goes on.

    `asked` is the last of the days that were asked for; None where that is not looked up.
    """

    first: date
    last: date
    batch: int
    due: datetime
    asked: date | None = None


class SettingView(Struct, frozen=True, kw_only=True):
    """What a connection may say beside its credential; without a default it must."""

    title: str
    choices: list[str]
    default: str | None


class OAuthView(Struct, frozen=True, kw_only=True):
    """What a provider's file knows of its OAuth.

    `redirect_uri` is where browsers come back to, to be registered there; `secret` says that our
    application has one. `access_s`, `in_doubt`, `reuse_s` and `idle_days` are as in the file.
    """

    grant: str
    redirect_uri: str
    scopes: list[str]
    secret: bool
    access_s: int
    in_doubt: str
    reuse_s: int | None
    idle_days: int | None
