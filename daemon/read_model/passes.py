"""Which row does the end of a pass make?"""

import msgspec

from daemon.read_model.rows import Row
from daemon.read_model.timestamps import iso
from events.envelope import Recorded
from events.schema import PassEnded


def row(recorded: Recorded, event: PassEnded, at: str) -> Row:
    errors = {str(each.connection): each.cause.value for each in event.errors}
    return (
        recorded.seq,
        recorded.subject or None,
        iso(event.begun),
        at,
        event.duration_ms,
        event.total,
        event.successful,
        event.failed,
        event.others,
        event.refreshes,
        event.days,
        event.records,
        msgspec.json.encode(errors).decode(),
    )
