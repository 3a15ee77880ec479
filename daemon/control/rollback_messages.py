"""What is said over the control socket of going back to what was?"""

from datetime import datetime
from typing import Any

from msgspec import Struct

from events.terms import RollbackScope


class RollbackTo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whereto: once event `to` was recorded (its number, or a time: the last event by then).

    Or `undo`: to just before the rollback with that event, of what that one took back.
    """

    to: str | None = None
    undo: int | None = None


class RollbackWish(RollbackTo, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take one connection back: its data, of these `streams` (none: all), or its state.

    With `wait` a sync that runs is waited for.
    """

    connection: str
    scope: RollbackScope = RollbackScope.DATA
    streams: list[str] = []
    wait: bool = False


class PreviewWish(RollbackTo, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What going back would change, with so many `examples` of records a stream."""

    connection: str
    scope: RollbackScope = RollbackScope.DATA
    streams: list[str] = []
    examples: int = 0


class TargetsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which connections go back: a tenant's, a provider's; where neither is named, all."""

    to: str
    tenant: str | None = None
    provider: str | None = None


class Targets(Struct, frozen=True, kw_only=True):
    """Their names, and the number of the event, recorded at `at`, that `to` means."""

    seq: int
    to: int
    at: datetime
    connections: list[str]


class StreamBack(Struct, frozen=True, kw_only=True):
    """A stream that went back: to what it was in version `of`, 0 for before there was any."""

    stream: str
    of: int
    added: int
    changed: int
    removed: int
    rows: int


class RollbackAnswer(Struct, frozen=True, kw_only=True):
    """What going back came to: `event` says so in the log, 0 where nothing differed.

    `version` is that of the streams that went back.
    """

    seq: int
    connection: str
    to: int
    event: int
    version: int
    streams: list[StreamBack]
    message: str


class ChangeView(Struct, frozen=True, kw_only=True):
    """A record that comes back (`added`), changes, or is removed; `key` is JSON."""

    kind: str
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class StreamPreview(Struct, frozen=True, kw_only=True):
    """What going back changes in a stream that is at version `before`, to how it was in `of`.

    `captured_at` is when that was fetched; cursors are JSON. `fetches` says what the next sync
    asks for then, and what nobody asks for by himself.
    """

    stream: str
    before: int
    of: int
    added: int
    changed: int
    removed: int
    rows_before: int
    rows_after: int
    captured_at: datetime | None
    cursor_before: str | None
    cursor_after: str | None
    fetches: str
    examples: list[ChangeView] = []


class StatePreview(Struct, frozen=True, kw_only=True):
    """How a connection does, and did: failures in a row, its breaker, the retry that waits."""

    failures_before: int
    failures_after: int
    breaker_before: str
    breaker_after: str
    retry_before: int
    retry_after: int


class Preview(Struct, frozen=True, kw_only=True):
    """What going back to event `to`, recorded at `at`, changes; nothing of it is recorded.

    `syncing` says that it would be refused just now, without `wait`.
    """

    seq: int
    now: datetime
    connection: str
    to: int
    at: datetime
    streams: list[StreamPreview] = []
    state: StatePreview | None = None
    syncing: bool = False
