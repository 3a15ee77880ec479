"""By which fields were a version's records told from each other, and followed?"""

import msgspec
from msgspec import Struct


class Told(Struct, frozen=True, kw_only=True):
    """The fields of the primary key, and the field of the cursor; None where there was none.

    Kept with each version: a key that was made of other fields matches no row, and a cursor says
    nothing of another field.
    """

    key: tuple[str, ...]
    cursor: str | None = None


def read(text: str | None) -> Told | None:
    """None where a version was kept before this was."""
    return None if text is None else msgspec.json.decode(text, type=Told)


def written(told: Told | None) -> str | None:
    return None if told is None else msgspec.json.encode(told).decode()
