"""How does an event become a row, and a row of any age an event?"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from events.envelope import Recorded
from events.schema import Event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Row = tuple[int, int, int, bytes]
"""(seq, microseconds since 1970 UTC, subject, JSON body in UTF-8)"""

Upcast = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTS: Mapping[str, Upcast] = {}
"""Retired tag → how its JSON body becomes one of today's. Nothing has been retired yet."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class UnreadableEvent(Exception):
    """A row of the log that this version cannot read."""


def encode(recorded: Recorded) -> Row:
    return (
        recorded.seq,
        to_microseconds(recorded.at),
        recorded.subject,
        _encoder.encode(recorded.event),
    )


def decode(row: Row, upcasts: Mapping[str, Upcast] = UPCASTS) -> Recorded:
    """Read a row, lifting a retired shape to today's.

    Raises UnreadableEvent: a sentence that names the row, its tag, and what to do.
    """
    seq, at, subject, body = row
    try:
        event = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        event = _upcast(row, upcasts)
    return Recorded(seq=seq, at=EPOCH + at * MICROSECOND, subject=subject, event=event)


def opening(tag: str) -> bytes:
    """With what each body begins that has this tag: it always comes first."""
    return f'{{"type":"{tag}"'.encode()


def to_microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def _upcast(row: Row, upcasts: Mapping[str, Upcast]) -> Event:
    seq, _, _, body = row
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableEvent(
            f"event {seq} is not JSON; the log is damaged: "
            "run `rounds log verify`, then restore a backup"
        ) from error
    tag = document.get("type") if isinstance(document, dict) else None
    try:
        if isinstance(tag, str) and tag in upcasts:
            body = _encoder.encode(upcasts[tag](document))
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise UnreadableEvent(
            f"event {seq} ({tag}) has a form that this version of rounds does not know ({error}); "
            "a newer version wrote it: start that one"
        ) from error
