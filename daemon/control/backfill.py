"""How do people ask for days of the past?"""

from datetime import timedelta
from zoneinfo import ZoneInfo

from daemon import commands
from daemon.control.account_messages import BackfillWish
from daemon.control.act import day_by_day, done, durable, room
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.duration import duration
from events.terms import Caller
from projections.grant import Phase

SPAN_MAX = timedelta(days=36_525)  # a century: whoever wants more has mistyped a year


async def backfill(desk: Desk, wish: BackfillWish, by: Caller) -> Done:
    """Fetch the days from `first` to `last`, the newest first, some of them a sync."""
    subject, connection = desk.find(wish.connection)
    days_of = day_by_day(desk, connection)
    if not days_of:
        raise Refused("invalid", f"{wish.connection} has no stream that is fetched day by day")
    now = desk.journal.clock.now()
    today = max(now.astimezone(ZoneInfo(each.timezone)).date() for each in days_of.values())
    if wish.last > today:
        raise Refused("invalid", f"{wish.last} has not come yet")
    if not today - SPAN_MAX <= wish.first <= wish.last:
        raise Refused("invalid", f"there are no days from {wish.first} to {wish.last}")
    if connection.paused:
        name = wish.connection
        raise Refused("paused", f"{name} is paused; type: rounds resume {name}")
    if connection.grant.phase is Phase.NEEDED:
        raise Refused(
            "not-authorised", f"type first: rounds connection authorize {wish.connection}"
        )
    await room(desk)
    before = connection.backfill
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
    spans = "1 day" if days == 1 else f"{days:,} days"
    words = f"{spans} of {', '.join(days_of)} to fetch, the newest first"
    if before is not None:
        words += f"; no more of {before.first} to {before.last}, which were left of the one before"
    return done(desk, recorded, words)
