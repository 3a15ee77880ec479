"""What becomes of a connection's tokens: renewed before use, refused one day, authorised anew?"""

from collections.abc import Generator
from datetime import datetime, timedelta

from events import schema, terms
from tests.benchmarks.alive import QUIET, Alive, Retold, Story, Told

ACCESS = timedelta(hours=8)
THRESHOLD = timedelta(minutes=30)
REFUSED_SHARE = 0.0004  # of refreshes: the person has withdrawn consent
NAP_DAYS = 1.5  # on average, until somebody authorises anew
PERSON = terms.Caller(uid=1000, role="operator")


def expires_soon(alive: Alive, at: datetime) -> bool:
    return alive.expires_at is not None and at > alive.expires_at - THRESHOLD


def refreshed(alive: Alive, at: datetime, sync: int) -> Generator[Told, int, tuple[datetime, bool]]:
    """A new pair of tokens just before use; or the provider will not have the old one any more."""
    dice, me = alive.dice, alive.account.subject
    token = f"{dice.getrandbits(64):016x}"
    intended = schema.RefreshIntended(
        generation=alive.generation, token=token, reason=terms.RefreshReason.EXPIRING, sync=sync
    )
    yield at, me, intended
    at += timedelta(milliseconds=dice.randrange(80, 900))
    if dice.random() < REFUSED_SHARE:
        needed = schema.AuthorisationNeeded(
            reason=terms.NeedReason.REFUSED,
            generation=alive.generation,
            error="invalid_grant",
            sync=sync,
        )
        yield at, me, needed
        return at, True
    alive.generation += 1
    alive.expires_at = at + ACCESS
    refreshed = schema.TokenRefreshed(
        generation=alive.generation, token=token, expires_at=alive.expires_at, sync=sync
    )
    yield at, me, refreshed
    return at, False


def asleep(alive: Alive, at: datetime, due: datetime) -> Retold:
    """Turns go by until somebody authorises it."""
    me, interval = alive.account.subject, alive.account.interval
    nap = timedelta(days=alive.dice.expovariate(1 / NAP_DAYS))
    woken = min(at + nap, alive.end - QUIET)
    if woken <= at:
        return at
    missed = (woken - due) // interval
    if missed:
        skipped = schema.SyncSkipped(
            reason=terms.SkipReason.NOT_AUTHORISED, due=due + interval, count=missed
        )
        yield woken, me, skipped
    yield from authorised(alive, woken)
    return woken


def authorised(alive: Alive, at: datetime) -> Story:
    alive.expires_at = at + ACCESS
    token = f"{alive.dice.getrandbits(64):016x}"
    granted = schema.ConnectionAuthorised(
        generation=alive.generation, token=token, expires_at=alive.expires_at, by=PERSON
    )
    yield at, alive.account.subject, granted
