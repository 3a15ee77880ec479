"""How is a stream, and how is a connection: healthy, degraded, unhealthy, or unknown?

| word      | a stream                                              | a connection                |
|-----------|-------------------------------------------------------|-----------------------------|
| unhealthy | its last sync failed for good, or three in a row did, | the same of its own syncs,  |
|           | or it is empty, or a person must authorise it         | or one of its streams is    |
| degraded  | anything less than perfect in its last sync, or its   | the same, or one of its     |
|           | connection's score is under 90                        | streams is                  |
| unknown   | no sync has come to it yet                            | no sync has ended yet       |

For good: of a class that is not tried again by itself (`failure.RULES`). Empty: refused as such,
until data returns, or never any records; not where the provider's file says that empty is fine.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from daemon.decide import failure
from events.terms import FailureClass, Reaction
from projections import health, provider
from projections.connection import Connection
from projections.ending import Ending
from projections.grant import Phase
from projections.provider import Provider
from projections.streams import NEW, Stream

CHRONIC = 3  # failures in a row: one may be chance, after as many retries somebody should look
SCORE_GOOD = 90  # from here on the document's queue gives the first place


class Condition(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


SAYING_MOST = (Condition.UNHEALTHY, Condition.DEGRADED, Condition.HEALTHY)
"""Of a connection and its streams: that one is well says more than that of another is unknown."""

FROM_THE_GRAVEST = (
    Condition.UNHEALTHY,
    Condition.DEGRADED,
    Condition.UNKNOWN,
    Condition.HEALTHY,
)
"""As people look for trouble: of whom nothing is known stands before who is well."""


class Ground(StrEnum):
    """What makes a stream less than healthy."""

    NO_SYNC = "no-sync"
    PERSON = "to-be-authorised"
    EMPTY = "empty"
    FINAL = "failed-for-good"
    CHRONIC = "keeps-failing"
    FAILED = "failed"
    OWES = "owes-days"
    SCORE = "score"


WORDS = {
    Ground.NO_SYNC: Condition.UNKNOWN,
    Ground.PERSON: Condition.UNHEALTHY,
    Ground.EMPTY: Condition.UNHEALTHY,
    Ground.FINAL: Condition.UNHEALTHY,
    Ground.CHRONIC: Condition.UNHEALTHY,
    Ground.FAILED: Condition.DEGRADED,
    Ground.OWES: Condition.DEGRADED,
    Ground.SCORE: Condition.DEGRADED,
}


class Overall(StrEnum):
    """A condition in the words of the document's query."""

    EXCELLENT = "excellent"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


class Diagnosis(Struct, frozen=True, kw_only=True):
    """How a connection is, and by name why each of its streams is as it is: see `grounds`."""

    word: Condition
    streams: Mapping[str, tuple[Ground, ...]]


def diagnosis(known: Connection, at: Provider | None, now: datetime) -> Diagnosis:
    """All of it at once. `at` is its provider."""
    good = _scores(known, now)
    streams = {name: _grounds(known, at, name, good) for name in names(known, at)}
    of_streams = {word_of(streams[name]) for name in declared(known, at)}
    return Diagnosis(word=_worst({_of_syncs(known, good), *of_streams}), streams=streams)


def of_connection(known: Connection, at: Provider | None, now: datetime) -> Condition:
    """As it is itself, or as its worst stream is. `at` is its provider."""
    good = _scores(known, now)
    own = _of_syncs(known, good)
    if own is Condition.UNHEALTHY:
        return own  # whatever its streams are
    of_streams = {word_of(_grounds(known, at, name, good)) for name in declared(known, at)}
    return _worst({own, *of_streams})


def of_stream(known: Connection, at: Provider | None, name: str, now: datetime) -> Condition:
    return word_of(grounds(known, at, name, now))


def word_of(grounds: Sequence[Ground]) -> Condition:
    """The word of a stream that is as it is for these, the gravest first."""
    return WORDS[grounds[0]] if grounds else Condition.HEALTHY


def grounds(known: Connection, at: Provider | None, name: str, now: datetime) -> tuple[Ground, ...]:
    """Why a stream is as it is, the gravest first; nothing where it is healthy."""
    return _grounds(known, at, name, _scores(known, now))


def _worst(words: Collection[Condition]) -> Condition:
    return next((word for word in SAYING_MOST if word in words), Condition.UNKNOWN)


def _grounds(known: Connection, at: Provider | None, name: str, good: bool) -> tuple[Ground, ...]:
    """`good` is whether its connection scores so."""
    stream, cause = known.streams.get(name, NEW), cause_of(known, name)
    if stream is NEW and cause is None:
        return (Ground.NO_SYNC,)
    in_a_row = failures_of(known, name)
    over = in_a_row > 0 and cause is not None and not failure.is_retried(cause)
    found = {
        Ground.PERSON: _needs_person(known),
        Ground.EMPTY: _is_empty(stream, at, name),
        Ground.FINAL: over,
        Ground.CHRONIC: in_a_row >= CHRONIC,
        Ground.FAILED: in_a_row > 0 or stream.failure is not None,
        Ground.OWES: bool(stream.failed_days),
        Ground.SCORE: not good,
    }
    return tuple(ground for ground, so in found.items() if so)


def overall(word: Condition, failures: int) -> Overall:
    """As the document's query says it, of what failed so often in a row."""
    match word:
        case Condition.HEALTHY:
            return Overall.GOOD if failures else Overall.EXCELLENT
        case Condition.DEGRADED:
            return Overall.FAIR
        case _:
            return Overall.POOR


def trouble(known: Connection) -> Ending | None:
    """How the last sync failed, unless a person has taken over by hand what was held of it."""
    last = known.last
    if last is None or last.cause is None:
        return None
    return None if not last.whole and is_settled(known) else last


def is_settled(known: Connection) -> bool:
    """Whether nothing stands any more that ever failed of a stream."""
    return not any(stream.failure for stream in known.streams.values())


def cause_of(known: Connection, name: str) -> FailureClass | None:
    """What stands between a stream and data: its own failure, or what kept a whole sync from it."""
    stream = known.streams.get(name, NEW)
    if _is_whole(known, stream):
        return known.last.cause if known.last else None
    return stream.failure.cause if stream.failure else None


def message_of(known: Connection, name: str) -> str:
    """The same as a sentence of ours; empty where nothing does."""
    stream = known.streams.get(name, NEW)
    if _is_whole(known, stream):
        return known.last.message if known.last else ""
    return stream.failure.message if stream.failure else ""


def failures_of(known: Connection, name: str) -> int:
    """How many syncs in a row brought nothing of it."""
    stream = known.streams.get(name, NEW)
    if stream is NEW and _is_whole(known, stream):
        return known.health.consecutive_failures
    return stream.failures


def declared(known: Connection, at: Provider | None) -> Iterable[str]:
    """The streams that count: those of the provider's file, if it is known."""
    return [each.name for each in at.streams] if at and at.streams else known.streams


def names(known: Connection, at: Provider | None) -> Iterator[str]:
    """Those, and those that there were before."""
    first = declared(known, at)
    yield from first
    yield from (name for name in known.streams if name not in first)


def is_chronic(known: Connection) -> bool:
    return known.health.consecutive_failures >= CHRONIC


def _of_syncs(known: Connection, good: bool) -> Condition:
    counters, last = known.health, trouble(known)
    if not counters.total:
        return Condition.UNKNOWN
    over = last is not None and last.cause is not None and not failure.is_retried(last.cause)
    if over or is_chronic(known) or _needs_person(known):
        return Condition.UNHEALTHY
    perfect = not counters.consecutive_failures and good
    return Condition.HEALTHY if perfect else Condition.DEGRADED


def failed_whole(known: Connection, name: str) -> bool:
    """Whether what went wrong with a stream is that the last sync failed before it came to any."""
    return _is_whole(known, known.streams.get(name, NEW))


def _is_whole(known: Connection, stream: Stream) -> bool:
    """Whether the last sync failed before it came to any stream, this one among them."""
    last = known.last
    return last is not None and last.whole and (stream is NEW or stream.failed_at == last.at)


def _needs_person(known: Connection) -> bool:
    return known.grant.phase is Phase.NEEDED


def _is_empty(stream: Stream, at: Provider | None, name: str) -> bool:
    if stream.empty:
        return True
    file = provider.stream(at, name) if at else None
    fine = file is not None and file.empty is Reaction.ACCEPT
    return stream.version > 0 and stream.rows == 0 and not fine


def _scores(known: Connection, now: datetime) -> bool:
    points = health.score(known.health, now)
    return points is None or points >= SCORE_GOOD
