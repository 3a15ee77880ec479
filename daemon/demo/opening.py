"""What do the narrator and the made-up providers agree upon: who is there, which moods?"""

from enum import StrEnum

from msgspec import Struct

TENANTS = ("bakery", "garage")
CLIENT_ID = "rounds-demo"


class Mood(StrEnum):
    """How a made-up provider answers."""

    FINE = "fine"
    OUTAGE = "outage"  # 503 to everything
    EMPTY = "empty"  # a good answer, with nothing in it
    HTML = "html"  # a web page, with status 200
    SLOW = "slow"  # what follows the first page comes when the mood changes
    DEAF = "deaf"  # a refresh comes in, and is not looked at until the mood changes
    MUTE = "mute"  # a refresh is done, and not answered until the mood changes


class Opening(Struct, frozen=True, kw_only=True):
    """What the providers' process says first: where it is, and what each asker has to show.

    `keys` are the tenants' at the depot; `client_secret` is our application's at Pulse.
    """

    url: str
    keys: dict[str, str]
    client_secret: str


class Ledger(Struct, frozen=True, kw_only=True):
    """What Pulse noted: how many requests came, and for which days, in their order.

    `presented` says of each refresh token that it gave out how often that was used.
    """

    requests: int
    days: list[str]
    presented: list[int]
    introspections: int


class HandedOut(Struct, frozen=True, kw_only=True):
    """All secrets that ever went over Pulse's counter."""

    codes: list[str]
    verifiers: list[str]
    access_tokens: list[str]
    refresh_tokens: list[str]
