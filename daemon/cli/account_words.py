"""What does an event about a connection's account, or its past days, say in one plain line?"""

from datetime import datetime
from typing import TypeAlias, assert_never

from daemon.cli import times
from events.schema import (
    AuthorisationBegun,
    AuthorisationNeeded,
    AuthorisationWaived,
    BackfillAdvanced,
    BackfillEnded,
    BackfillRequested,
    ConnectionAuthorised,
    ProviderClientSet,
    RefreshFailed,
    RefreshIntended,
    RenewalScheduled,
    TokenInDoubt,
    TokenRefreshed,
)
from events.terms import BackfillEnd, DoubtReason, NeedReason, RefreshReason

AccountEvent: TypeAlias = (
    ProviderClientSet
    | AuthorisationBegun
    | ConnectionAuthorised
    | AuthorisationNeeded
    | RefreshIntended
    | TokenRefreshed
    | RefreshFailed
    | TokenInDoubt
    | AuthorisationWaived
    | RenewalScheduled
)
BackfillEvent: TypeAlias = BackfillRequested | BackfillAdvanced | BackfillEnded

NEEDS = {
    NeedReason.NEW: "nobody has authorised it yet",
    NeedReason.REFUSED: "the provider no longer honours its authorisation",
    NeedReason.EXPIRED: "its token has run out, and there is none to renew it with",
    NeedReason.IN_DOUBT: (
        "its refresh token was sent and the answer was lost; the old one may be dead, and by the "
        "provider's file there is nothing more to be tried"
    ),
    NeedReason.USED_UP: (
        "its refresh token was sent, the answer was lost, and the provider does not take the old "
        "one any more"
    ),
    NeedReason.LOST: "the vault does not hold the token that the log speaks of",
}
REFRESHES = {
    RefreshReason.FIRST: "there is none yet",
    RefreshReason.EXPIRING: "it is about to expire",
    RefreshReason.REFUSED: "the provider no longer takes it",
    RefreshReason.IDLE: "the authorisation would die of idleness",
    RefreshReason.IN_DOUBT: "an earlier try is in doubt",
}
DOUBTS = {
    DoubtReason.DIED: "rounds died while it waited for the provider's answer",
    DoubtReason.UNANSWERED: "the provider's answer did not arrive",
    DoubtReason.OVERTAKEN: "nobody waits for the provider's answer any more",
}
ENDS = {
    BackfillEnd.DONE: "backfill done",
    BackfillEnd.FAILED: "backfill given up",
    BackfillEnd.CANCELLED: "backfill cancelled",
}


def need(reason: NeedReason, error: str) -> str:
    """Why a person must authorise a connection, with the provider's error code if it gave one."""
    code = f" ({error})" if error else ""
    return f"{NEEDS[reason]}{code}"


def account(event: AccountEvent, by: str) -> str:
    """`by` says who, as a clause, where somebody did it."""
    match event:
        case ProviderClientSet():
            return f"our application's id and secret set{by}"
        case AuthorisationBegun():
            return f"authorisation begun{by}"
        case ConnectionAuthorised(expires_at=expires_at):
            return f"authorised{by}; its token is good until {times.local(expires_at)}"
        case AuthorisationNeeded(reason=reason, error=error):
            return f"waits to be authorised: {need(reason, error)}"
        case AuthorisationWaived():
            return "needs to be authorised no more: its provider's file asks for nobody's consent"
        case RenewalScheduled(renew_by=renew_by):
            return f"its token is looked after at {times.local(renew_by)}"
        case RefreshIntended(reason=reason, generation=generation):
            return f"token {generation + 1} is asked for: {REFRESHES[reason]}"
        case TokenRefreshed(generation=generation, expires_at=expires_at, rotated=rotated):
            pair = "with a new refresh token" if rotated else "the refresh token stays"
            return f"token {generation} is in use until {times.local(expires_at)}, {pair}"
        case RefreshFailed(message=message, in_doubt=True):
            return f"{message}; the refresh token is as much in doubt as before"
        case RefreshFailed(message=message):
            return f"{message}; the refresh token is as good as before"
        case TokenInDoubt(reason=reason, generation=generation):
            return f"refresh token {generation} is in doubt: {DOUBTS[reason]}"
        case _:
            assert_never(event)


def backfill(event: BackfillEvent, by: str, at: datetime) -> str:
    """`by` says who, as a clause, where somebody did it; it was recorded at `at`."""
    match event:
        case BackfillRequested(first=first, last=last, batch=batch):
            days = times.count(batch, "day")
            return f"backfill of {first} to {last} requested{by}, {days} a sync"
        case BackfillAdvanced(last=last, due=due):
            later = f", not before {times.local(due)}" if due > at else ""
            return f"backfill goes on with the days up to {last}{later}"
        case BackfillEnded(how=how, last=last):
            left = f"; the days up to {last} are not fetched" if last else ""
            return f"{ENDS[how]}{by}{left}"
        case _:
            assert_never(event)
