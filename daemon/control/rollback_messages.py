"""What is said over the control socket of going back to what was?"""

from datetime import datetime
from typing import Any

from msgspec import Struct

from events.terms import RollbackScope


class RollbackTo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whereto: once event `to` was recorded (its number, or a time: the last event by then).

    A version, as in `v1204`, is one connection's: once the sync that brought it was over, or the
    rollback.

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


class StreamState(Struct, frozen=True, kw_only=True):
    """How a stream does: syncs in a row that brought nothing of it, and how it failed last.

    `doubt` is the guard for which its last answer was refused or held, `empty` that it was empty.
    """

    condition: str
    failures: int
    failed_at: datetime | None
    cause: str | None
    doubt: str | None
    empty: bool


class LastSync(Struct, frozen=True, kw_only=True):
    """How the last sync ended: by which event, and of what it failed."""

    event: int
    at: datetime
    word: str
    cause: str | None


class StateView(Struct, frozen=True, kw_only=True):
    """How a connection does; `retry` is the attempt that waits (0: none).

    `outcomes` is how many syncs and calls its breaker looks back at. Where the delay of a retry is
    yet to be drawn, `next_start` is when it starts at the latest. `streams` are those that differ.
    """

    condition: str
    failures: int
    crashes: int
    breaker: str
    breaker_until: datetime | None
    outcomes: int
    retry: int
    last: LastSync | None
    next_start: datetime | None
    streams: dict[str, StreamState]


class StatePreview(Struct, frozen=True, kw_only=True):
    """How a connection does, and would, had it gone back; whether anything `differs` at all."""

    differs: bool
    before: StateView
    after: StateView


class Preview(Struct, frozen=True, kw_only=True):
    """What going back to event `to`, recorded at `at`, changes; nothing of it is recorded.

    `syncing` says that it would be refused just now, without `wait`. `within` is the version that
    was under way at `to`: its streams are partly as before it. `ends_held` are the streams of which
    what is held cannot be accepted any more then.
    """

    seq: int
    now: datetime
    connection: str
    to: int
    at: datetime
    streams: list[StreamPreview] = []
    state: StatePreview | None = None
    syncing: bool = False
    within: int | None = None
    ends_held: list[str] = []
