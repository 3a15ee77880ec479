"""How is what was recorded told in the daemon's own log? A line an event, once it is durable."""

from collections.abc import Sequence
from datetime import date

import structlog

from daemon.journal import Journal
from events.envelope import Recorded
from events.schema import RecordsCaptured, RecordsRefused, SyncStarted
from events.subscription import Subscription
from events.versions import RecordsQuarantined

log = structlog.get_logger()


async def narrate(narrated: Subscription) -> None:
    async for batch in narrated:
        tell(batch)


def tell(batch: Sequence[Recorded]) -> None:
    """One log line an event, once it is durable, with its number, subject and sync."""
    for recorded in batch:
        log.info(recorded.event.__struct_config__.tag, **_fields(recorded))


def end(journal: Journal, narrated: Subscription) -> None:
    """What was not told yet, and the head of the log, for whoever notes it elsewhere."""
    tell(journal.log.read(narrated.position))
    log.info("log-head", seq=journal.head.seq, hash=journal.block.hex())


def _fields(recorded: Recorded) -> dict[str, object]:
    event = recorded.event
    fields: dict[str, object] = {"seq": recorded.seq, "subject": recorded.subject}
    if isinstance(event, SyncStarted):
        fields["sync"] = recorded.seq
    elif isinstance(event, (RecordsCaptured, RecordsRefused, RecordsQuarantined)):
        fields["sync"] = event.version
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, (str, int, float, bool)) and value != "":
            fields[name] = value
        elif isinstance(value, date):  # a datetime is one too
            fields[name] = value.isoformat()
    fields["at"] = recorded.at.isoformat()
    return fields
