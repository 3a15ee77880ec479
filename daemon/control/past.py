"""How do people ask for days of the past?"""

from datetime import timedelta

from daemon import commands
from daemon.control.account_messages import BackfillWish
from daemon.control.act import done, durable, room
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.duration import duration
from events.terms import Caller
from projections.grant import Phase

SPAN_MAX = timedelta(days=36_525)  # a century: whoever wants more has mistyped a year


async def backfill(desk: Desk, wish: BackfillWish, by: Caller) -> Done:
    """Fetch the days from `first` to `last`, the newest first, some of them a sync."""
    subject, connection = desk.find(wish.connection)
    provider = desk.providers.get(connection.provider)
    windows = (
        [name for name, each in provider.file.streams.items() if each.window] if provider else []
    )
    if not windows:
        raise Refused("invalid", f"{wish.connection} has no stream that is fetched day by day")
    if wish.last < wish.first or wish.last - wish.first > SPAN_MAX:
        raise Refused("invalid", f"there are no days from {wish.first} to {wish.last}")
    if connection.paused:
        name = wish.connection
        raise Refused("paused", f"{name} is paused; type: rounds resume {name}")
    if connection.grant.phase is Phase.NEEDED:
        raise Refused(
            "not-authorised", f"type first: rounds connection authorize {wish.connection}"
        )
    await room(desk)
    recorded = desk.journal.execute(
        commands.Backfill(
            subject=subject,
            first=wish.first,
            last=wish.last,
            batch=wish.batch,
            threshold=duration(wish.threshold) if wish.threshold else None,
            by=by,
        )
    )
    await durable(desk, recorded)
    days = (wish.last - wish.first).days + 1
    return done(desk, recorded, f"{days:,} days of {', '.join(windows)} are fetched, newest first")
