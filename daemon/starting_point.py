"""Where does the fetch of a stream begin: after its last good version, or anew?"""

from datetime import datetime

import structlog
from msgspec import Struct

from daemon.decide import cursors
from daemon.decide.cursors import Anew
from daemon.rest import Fetched
from daemon.store.drafts import Draft
from daemon.store.storage import Storage
from daemon.store.told import Told
from daemon.stream_file import Stream
from events.terms import Mode

log = structlog.get_logger()


class StartingPoint(Struct, frozen=True, kw_only=True):
    """The draft to fill, the cursor to ask with (JSON), and the types of a report's columns.

    It is `whole` where an incremental stream is fetched as if it was a full one.
    """

    draft: Draft
    cursor: str | None
    types: dict[str, str]
    whole: bool


async def find(
    storage: Storage,
    subject: int,
    provider: str,
    name: str,
    stream: Stream,
    *,
    version: int,
    secret: bytes,
    now: datetime,
) -> StartingPoint:
    """Begin a draft, and where the version in force says nothing of what is to come, begin anew.

    Rows that were told apart by other fields would stay beside those that come: so then absence
    removes, this once.
    """
    told = told_by(stream)
    draft = await storage.begin(
        subject,
        provider,
        name,
        version=version,
        mode=stream.mode,
        primary_key=told.key,
        secret=secret,
        follows=told.cursor,
    )
    draft.watch = stream.watch
    position = await storage.position(subject, name, provider)
    cursor = position.cursor
    anew = begins_anew(stream, cursor, draft.was, now)
    if anew:
        log.warning("fetched-anew", subject=subject, stream=name, reason=anew)
        cursor = None
    if anew is Anew.KEY:
        draft.mode = Mode.FULL
    whole = anew is Anew.KEY
    return StartingPoint(draft=draft, cursor=cursor, types=dict(position.types), whole=whole)


def begins_anew(stream: Stream, cursor: str | None, was: Told | None, now: datetime) -> Anew | None:
    """Why the fetch after a version with that cursor (JSON), `was` told so, begins anew, if so."""
    if stream.mode is not Mode.INCREMENTAL:
        return None
    format_ = stream.cursor.format if stream.cursor else ""
    return cursors.begins_anew(cursor, was, told_by(stream), format_=format_, now=now)


def told_by(stream: Stream) -> Told:
    return Told(key=stream.primary_key, cursor=stream.cursor.field if stream.cursor else None)


def note(subject: int, stream: str, fetched: Fetched) -> None:
    """Say where the next fetch begins earlier than at the greatest value of all."""
    if fetched.ahead:
        log.warning("cursor-held-back", subject=subject, stream=stream, records=fetched.ahead)
