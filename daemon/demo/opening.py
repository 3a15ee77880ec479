"""What do the narrator and the made-up providers agree upon: who is there, which moods?"""

from enum import StrEnum

from msgspec import Struct

TENANTS = ("bakery", "garage")


class Mood(StrEnum):
    """How a made-up provider answers."""

    FINE = "fine"
    OUTAGE = "outage"  # 503 to everything
    EMPTY = "empty"  # a good answer, with nothing in it
    HTML = "html"  # a web page, with status 200
    SLOW = "slow"  # what follows the first page comes when the mood changes


class Opening(Struct, frozen=True, kw_only=True):
    """What the providers' process says first: where it is, and each tenant's key for the depot."""

    url: str
    keys: dict[str, str]
