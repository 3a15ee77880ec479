"""What does the log add to a fact: which number, when, and of whom?"""

from datetime import datetime

from msgspec import Struct

from events.schema import Event


class Recorded(Struct, frozen=True, kw_only=True):
    """One event in its place in the log.

    `seq` counts from 1 without gaps. `at` is UTC to the microsecond, as the clock was read, and may
    step back where the host's clock did; order is by `seq` alone.
    """

    seq: int
    at: datetime
    subject: int
    event: Event
