"""At which version does each stream of this connection stand?"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import RecordsCaptured, RecordsRefused
from events.terms import FailureClass, StreamFailure


class Stream(Struct, frozen=True, kw_only=True):
    """The last good version (0: none), its rows and digest, and what went wrong since."""

    version: int = 0
    rows: int = 0
    digest: str = ""
    captured_at: datetime | None = None
    failure: StreamFailure | None = None


Streams = Mapping[str, Stream]


def evolve(streams: Streams, recorded: Recorded) -> Streams:
    match recorded.event:
        case RecordsCaptured(stream=name) as event:
            return {
                **streams,
                name: Stream(
                    version=event.version,
                    rows=event.rows,
                    digest=event.digest,
                    captured_at=recorded.at,
                ),
            }
        case RecordsRefused(stream=name, cause=FailureClass() as cause):
            failure = StreamFailure(stream=name, cause=cause, message="")
            return {**streams, name: replace(streams.get(name, Stream()), failure=failure)}
        case _:
            return streams


def failed(streams: Streams, failures: tuple[StreamFailure, ...]) -> Streams:
    """The same streams, with how each of these ended badly."""
    return {**streams} | {
        failure.stream: replace(streams.get(failure.stream, Stream()), failure=failure)
        for failure in failures
    }
