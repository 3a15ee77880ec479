"""Until when may a write be sent again with its key? As long as its provider knows the key."""

from datetime import datetime, timedelta

from projections.outbox import Phase, Write

ON_ITS_WAY = timedelta(minutes=1)  # what leaves just before its key expires may arrive after that


def expires(sent_at: datetime, lifetime: timedelta) -> datetime:
    """When a write that left at `sent_at` for the first time is not to be sent again any more."""
    return sent_at + max(lifetime - ON_ITS_WAY, lifetime / 2)


def until(write: Write) -> datetime | None:
    """When a write of which an earlier copy may have arrived is not to leave again any more.

    None where there is no such copy, or no such time.
    """
    return write.known_until if write.doubted else None


def is_outlived(write: Write, now: datetime) -> bool:
    """Whether it waits to be sent again, and its provider may not know it again any more."""
    last = until(write)
    return write.phase is Phase.QUEUED and last is not None and now >= last
