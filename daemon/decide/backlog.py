"""How much stands in the queue of syncs, since when, by which kind and priority, and kept by what?

| stage      | a connection that                                                      | since     |
|------------|------------------------------------------------------------------------|-----------|
| processing | syncs                                                                  | its due   |
| pending    | does not yet, though the time of something has come, whatever keeps it | that time |
| retrying   | failed, and whose next attempt lies ahead                              | that time |

The depth is all three. What people paused, or must authorise, stands in no queue: it is `aside`.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field

from daemon.decide import hindrance, prospects
from daemon.decide.hindrance import Held
from daemon.decide.turn import turn_of
from events.terms import Kind
from projections.connection import Connection
from projections.outbox import Outbox, Phase
from projections.world import World

EXAMPLES_MAX = 5  # whom a hindrance names; its count says how many there are
NO_TIME = timedelta(0)


class Stage(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    RETRYING = "retrying"


class Place(Struct, frozen=True, kw_only=True):
    """Where one connection stands. `held` is what keeps it, or what its calls wait for."""

    stage: Stage
    kind: Kind
    priority: int
    since: datetime
    held: Held | None = None


class Part(Struct, kw_only=True):
    """So many in each stage, and since when the one waits that has waited longest."""

    pending: int = 0
    processing: int = 0
    retrying: int = 0
    oldest: datetime | None = None

    @property
    def depth(self) -> int:
        return self.pending + self.processing + self.retrying


class Kept(Struct, kw_only=True):
    """So many are kept by the same; `until` is when the first of them is let go, where known."""

    count: int = 0
    until: datetime | None = None
    examples: list[int] = field(default_factory=list)


class Waits(Struct, kw_only=True):
    """How long some waited, all together and the longest of them."""

    count: int = 0
    whole: timedelta = NO_TIME
    longest: timedelta = NO_TIME


class Writes(Struct, kw_only=True):
    """The writes that wait for their provider."""

    waiting: int = 0
    under_way: int = 0
    in_doubt: int = 0
    bytes: int = 0
    oldest: datetime | None = None


class Backlog(Struct, kw_only=True):
    """What was found of the connections looked at so far.

    `oldest` is the connection that has waited longest. `now` are the waits of what is pending,
    `last` those of the syncs that ended last, one a connection.
    """

    whole: Part = field(default_factory=Part)
    kinds: dict[Kind, Part] = field(default_factory=dict)
    priorities: dict[int, Part] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    oldest: int | None = None
    aside: int = 0
    now: Waits = field(default_factory=Waits)
    last: Waits = field(default_factory=Waits)
    writes: Writes = field(default_factory=Writes)


def place(world: World, subject: int, known: Connection, now: datetime) -> Place | None:
    """Where it stands; None where nothing of it is in the queue."""
    run, retry = known.run, known.schedule.retry
    if run:
        held = hindrance.of(world, subject, now)
        return Place(
            stage=Stage.PROCESSING, kind=run.kind, priority=run.priority, since=run.due, held=held
        )
    if prospects.is_aside(known):
        return None
    if prospects.has_come(known, now):
        turn, held = turn_of(world, subject, now), hindrance.of(world, subject, now)
        return Place(
            stage=Stage.PENDING,
            kind=turn.kind,
            priority=turn.priority,
            since=min(turn.due, now),
            held=held,
        )
    if retry:
        return Place(
            stage=Stage.RETRYING, kind=Kind.RETRY, priority=retry.priority, since=retry.due
        )
    return None


def add(sum_: Backlog, world: World, subject: int, now: datetime) -> None:
    """Look at one connection more, that lives."""
    known = world.connections[subject]
    sum_.aside += prospects.is_aside(known) and not known.run
    if known.last and known.last.waited is not None:
        _note(sum_.last, known.last.waited)
    found = place(world, subject, known, now)
    if found is None:
        return
    kind = sum_.kinds.setdefault(found.kind, Part())
    priority = sum_.priorities.setdefault(found.priority, Part())
    if found.stage is Stage.PENDING:
        if sum_.whole.oldest is None or found.since < sum_.whole.oldest:
            sum_.oldest = subject
        _note(sum_.now, now - found.since)
    for part in (sum_.whole, kind, priority):
        _count(part, found)
    if found.held:
        keep(sum_.kept, found.held.why, subject, found.held.until)


def add_writes(sum_: Writes, waiting: Outbox) -> None:
    """And at what it has yet to write."""
    for each in waiting:
        sum_.waiting += 1
        sum_.under_way += each.phase is Phase.UNDER_WAY
        sum_.in_doubt += each.phase is Phase.IN_DOUBT
        sum_.bytes += each.bytes
        sum_.oldest = min(sum_.oldest or each.at, each.at)


def keep(kept: dict[str, Kept], why: str, subject: int, until: datetime | None) -> None:
    """One more is kept by that."""
    found = kept.setdefault(why, Kept())
    found.count += 1
    if until is not None:
        found.until = min(found.until or until, until)
    if len(found.examples) < EXAMPLES_MAX:
        found.examples.append(subject)


def _count(part: Part, found: Place) -> None:
    part.pending += found.stage is Stage.PENDING
    part.processing += found.stage is Stage.PROCESSING
    part.retrying += found.stage is Stage.RETRYING
    if found.stage is Stage.PENDING:
        part.oldest = min(part.oldest or found.since, found.since)


def _note(waits: Waits, wait: timedelta) -> None:
    waits.count += 1
    waits.whole += wait
    waits.longest = max(waits.longest, wait)
