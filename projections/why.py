"""Which event is behind each thing that is true of this connection?

The last event of each kind, of the connection and of each of its streams: which of them still
counts, the connection's own slice says. Numbers alone are kept; the log has the rest.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import (
    ActorCrashed,
    AuthorisationNeeded,
    BackfillAdvanced,
    BackfillRequested,
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReset,
    ConnectionAdded,
    ConnectionAuthorised,
    ConnectionChanged,
    ConnectionPaused,
    ConnectionRelinked,
    ConnectionResumed,
    Event,
    LimitHeld,
    RecordsCaptured,
    RecordsRefused,
    RefreshFailed,
    RefreshIntended,
    RetriesEnded,
    RetryMoved,
    RetryScheduled,
    SyncCancelled,
    SyncDeferred,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
)
from events.terms import StreamFailure
from events.versions import (
    QuarantineAccepted,
    QuarantineDropped,
    RecordsQuarantined,
    RestoreAbandoned,
    RollbackStarted,
    RolledBack,
    StateRestored,
    VersionsPruned,
)

FAILURES_KEPT = 20  # of those in a row: more of them say nothing new
DOUBTS_KEPT = 5  # enough to tell what led to the last one
STREAMS_KEPT = 500  # far more than any provider's file declares

KINDS: tuple[type[Event], ...] = (
    ConnectionAdded,
    ConnectionChanged,
    ConnectionRelinked,
    ConnectionPaused,
    ConnectionResumed,
    SyncScheduled,
    SyncRequested,
    SyncDeferred,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
    SyncFailed,
    SyncCancelled,
    SyncInterrupted,
    RetryScheduled,
    RetryMoved,
    RetriesEnded,
    BackfillRequested,
    BackfillAdvanced,
    BreakerOpened,
    BreakerEased,
    BreakerProbed,
    BreakerClosed,
    BreakerReset,
    LimitHeld,
    ActorCrashed,
    AuthorisationNeeded,
    ConnectionAuthorised,
    RefreshIntended,
    RefreshFailed,
    TokenRefreshed,
    TokenInDoubt,
    RecordsRefused,
    RecordsQuarantined,
    QuarantineAccepted,
    QuarantineDropped,
    RollbackStarted,
    RolledBack,
    RestoreAbandoned,
)
"""What explains something about a connection as a whole."""

OF_STREAMS: tuple[type[Event], ...] = (
    RecordsCaptured,
    RecordsRefused,
    RecordsQuarantined,
    QuarantineAccepted,
    QuarantineDropped,
    VersionsPruned,
)
"""What names the one stream that it is about."""

_OF_CONNECTION = frozenset(KINDS)
_COUNTED = _OF_CONNECTION | frozenset(OF_STREAMS)


class OfStream(Struct, frozen=True, kw_only=True):
    """The last event of each kind about one stream; `failed` are the ends of syncs that named it.

    The last ones, without those that a rollback of its state undid, which stands in for what it
    brought back and is no longer known. What lies within `undone` is no reason any more.
    """

    last: Mapping[type[Event], int] = {}
    failed: tuple[int, ...] = ()
    undone: tuple[int, int] = (0, 0)


class Why(Struct, frozen=True, kw_only=True):
    """As of event `seq`: the last event of each kind, of the connection and of its streams.

    `first` is the end of the first attempt, 0 before it; `failures` are the ends of those that
    failed in a row, the last ones: fewer than there were, where a rollback brought them back.
    `doubts` are the last answers that were refused or held. `former` has the streams of providers
    that it was moved from; `providers` has each that it was ever of, by the event that made it so.
    """

    seq: int = 0
    last: Mapping[type[Event], int] = {}
    first: int = 0
    failures: tuple[int, ...] = ()
    doubts: tuple[int, ...] = ()
    streams: Mapping[str, OfStream] = {}
    former: Mapping[int, Mapping[str, OfStream]] = {}
    providers: Mapping[int, int] = {}


def evolve(why: Why, recorded: Recorded) -> Why:
    """Fold an event of the connection."""
    event, seq = recorded.event, recorded.seq
    kind = type(event)
    if kind not in _COUNTED:
        return why
    why = replace(
        why, seq=seq, last={**why.last, kind: seq} if kind in _OF_CONNECTION else why.last
    )
    match event:
        case RecordsRefused(stream=name) | RecordsQuarantined(stream=name):
            return _noted(replace(why, doubts=(*why.doubts, seq)[-DOUBTS_KEPT:]), name, kind, seq)
        case (
            RecordsCaptured(stream=name)
            | QuarantineAccepted(stream=name)
            | QuarantineDropped(stream=name)
            | VersionsPruned(stream=name)
        ):
            return _noted(why, name, kind, seq)
        case RolledBack(streams=streams, state=state):
            for each in streams:
                why = _noted(why, each.stream, kind, seq)
            return why if state is None else _restored(why, seq, event.to, state)
        case SyncSucceeded(failures=lost):
            why = replace(why, first=why.first or seq, failures=())
            return _failed(why, lost, seq)
        case SyncFailed(failures=lost):
            in_a_row = (*why.failures, seq)[-FAILURES_KEPT:]
            why = replace(why, first=why.first or seq, failures=in_a_row)
            return _failed(why, lost, seq)
        case ConnectionAdded(provider=provider):
            return replace(why, providers={**why.providers, seq: provider})
        case ConnectionRelinked(provider=provider, before=left):
            former, providers = {**why.former, left: why.streams}, {**why.providers, seq: provider}
            back = former.pop(provider, {})
            return replace(why, streams=back, former=former, providers=providers)
        case _:
            return why


def number(why: Why, *kinds: type[Event]) -> int:
    """The last event of any of these kinds; 0 where there was none."""
    return max((why.last.get(kind, 0) for kind in kinds), default=0)


def of_stream(why: Why, name: str, kind: type[Event]) -> int:
    """The last event of that kind about a stream; 0 where there was none."""
    known = why.streams.get(name)
    return known.last.get(kind, 0) if known else 0


def failed(why: Why, name: str) -> int:
    """The end of the last sync in which something of the stream failed; 0 where there was none."""
    known = why.streams.get(name)
    return known.failed[-1] if known and known.failed else 0


def doubted(why: Why, name: str) -> int:
    """The last doubt about a stream that can still be a reason; 0 where there is none."""
    known = why.streams.get(name, OfStream())
    numbers = (known.last.get(kind, 0) for kind in (RecordsRefused, RecordsQuarantined))
    after, before = known.undone
    return max((each for each in numbers if not after < each < before), default=0)


def provider(why: Why, seq: int) -> int | None:
    """Whose it was when that event was recorded; None before it was there."""
    since = max((each for each in why.providers if each <= seq), default=0)
    return why.providers.get(since)


def _noted(why: Why, name: str, kind: type[Event], seq: int) -> Why:
    before = why.streams.get(name, OfStream())
    return _of_stream(why, name, replace(before, last={**before.last, kind: seq}))


def _restored(why: Why, seq: int, to: int, state: StateRestored) -> Why:
    """Of the failures those count again that did then, as far as they are still known."""
    in_a_row = state.consecutive_failures
    before = [each for each in why.failures if each <= to]
    why = replace(why, failures=tuple(before[-in_a_row:]) if in_a_row else ())
    for each in state.streams:
        was = why.streams.get(each.stream, OfStream())
        failed = tuple(end for end in was.failed if end <= to)
        if not failed and (each.failure or each.failures or each.empty):
            failed = (seq,)
        why = _of_stream(why, each.stream, replace(was, failed=failed, undone=(to, seq)))
    return why


def _failed(why: Why, lost: tuple[StreamFailure, ...], seq: int) -> Why:
    for name in dict.fromkeys(each.stream for each in lost if each.stream):
        before = why.streams.get(name, OfStream())
        failed = (*before.failed, seq)[-FAILURES_KEPT:]
        why = _of_stream(why, name, replace(before, failed=failed))
    return why


def _of_stream(why: Why, name: str, after: OfStream) -> Why:
    if name not in why.streams and len(why.streams) >= STREAMS_KEPT:
        return why
    return replace(why, streams={**why.streams, name: after})
