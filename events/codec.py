"""How does an event become a row, and a row of any age an event?"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from events.envelope import Recorded
from events.schema import Event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Row = tuple[int, int, int, str]
"""(seq, microseconds since 1970 UTC, subject, JSON body)"""

Upcast = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTS: Mapping[str, Upcast] = {}
"""Retired tag → how its JSON body becomes one of today's. Nothing has been retired yet."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


class UnreadableEvent(Exception):
    """A row of the log that this version cannot read."""


def encode(recorded: Recorded) -> Row:
    return (
        recorded.seq,
        to_microseconds(recorded.at),
        recorded.subject,
        _encoder.encode(recorded.event).decode(),
    )


def decode(row: Row, upcasts: Mapping[str, Upcast] = UPCASTS) -> Recorded:
    """Read a row, lifting a retired shape to today's.

    Raises UnreadableEvent: a sentence that names the row, its tag, and what to do.
    """
    seq, at, subject, body = row
    try:
        event = _decoder.decode(body)
    except msgspec.ValidationError:
        event = _upcast(row, upcasts)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableEvent(
            f"event {seq} is not JSON; the log is damaged: run `rounds log verify`, restore a backup"
        ) from error
    return Recorded(seq=seq, at=EPOCH + timedelta(microseconds=at), subject=subject, event=event)


def to_microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def _upcast(row: Row, upcasts: Mapping[str, Upcast]) -> Event:
    seq, _, _, body = row
    document: dict[str, Any] = msgspec.json.decode(body)
    tag = str(document.get("type"))
    try:
        if tag in upcasts:
            document = upcasts[tag](document)
        return cast(Event, msgspec.convert(document, Event, strict=False))
    except msgspec.ValidationError as error:
        raise UnreadableEvent(
            f"event {seq} ({tag}) has a form that this version of rounds does not know ({error}); "
            "a newer version wrote it: start that one"
        ) from error
