"""Which moment does a date in a header mean?"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def read(text: str) -> datetime | None:
    """Return the moment of an HTTP date (RFC 9110, section 5.6.7); None where it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
