"""What was true then? Any moment of the past as a World, and as a journal that stands still there.

    past.state_at(1204)                    the World as of event 1204
    past.state_at(noon, connection=7)      of connection 7 alone, as of the last event by noon
    desk.as_of(await past.journal_at(…))   the same desk, whose views answer as of then

A moment is the number of an event, or a time; of an hour that was lived through twice, since the
clock was set back, the second one counts (`events.moment`). What is asked is worked out in an
engine: a process of its own (`past_process`), or here, in simulations (`InProcess`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Never, Protocol

import trio

from daemon import recall
from daemon.clock import Clock
from daemon.commands import Command
from daemon.journal import Journal
from daemon.recall import Question
from events.codec import Row
from events.envelope import Recorded
from events.log import READ_EVENTS, Log
from events.moment import Reads
from events.snapshots import Snapshots
from events.writer import Listener
from projections.world import World

Moment = int | datetime
"""An event's number, or a time: the last event that was recorded by then."""


class NoSuchMoment(Exception):
    """Nothing can be said of that moment; the sentence says why."""


class PastUnavailable(Exception):
    """It could not be worked out just now; the sentence says why."""


class Engine(Protocol):
    async def run(self) -> None:
        """Look after what the engine needs, until cancelled."""
        ...

    async def seq_at(self, question: Question) -> int:
        """Which event the question is about: 0 where it is before the first one."""
        ...

    async def state(self, question: Question) -> World:
        """The World as of then; an empty one before the first event. Raises PastUnavailable."""
        ...


class Past:
    """The past of a running daemon, up to what is durable."""

    def __init__(self, journal: Journal, engine: Engine) -> None:
        self._journal = journal
        self._engine = engine

    async def state_at(self, when: Moment, connection: int | None = None) -> World:
        """What was true then: all of it, or, of one connection, its slice, settings and writes.

        Raises NoSuchMoment, PastUnavailable.
        """
        world = await self._engine.state(self._question(when, connection))
        return world if world.seq else self._before_all(when)

    async def seq_at(self, when: Moment) -> int:
        """The number of the last event by then. Raises NoSuchMoment, PastUnavailable."""
        question = self._question(when)
        if question.seq is not None:
            return question.seq
        return await self._engine.seq_at(question) or self._before_all(when)

    async def journal_at(self, when: Moment) -> "PastJournal":
        """A journal that stands still then. Raises NoSuchMoment, PastUnavailable."""
        world = await self.state_at(when)
        assert world.at is not None, "somebody recorded its last event"
        now = world.at if isinstance(when, int) else when
        return PastJournal(PastLog(self._journal.log, world.seq), world, Standing(now))

    def _question(self, when: Moment, connection: int | None = None) -> Question:
        head = self._journal.head.seq
        if isinstance(when, int):
            if when < 1:
                self._before_all(when)
            if when > head:
                raise NoSuchMoment(f"there is no event {when:,} yet; the last one is {head:,}")
            return Question(head=head, seq=when, connection=connection)
        if when > self._journal.clock.now():
            raise NoSuchMoment(f"{when.isoformat()} has not come yet")
        return Question(head=head, at=when, connection=connection)

    def _before_all(self, when: Moment) -> Never:
        first = self._journal.log.read(0, limit=1)
        began = f", at {first[0].at.isoformat(timespec='seconds')}" if first else ""
        asked = f"event {when}" if isinstance(when, int) else when.isoformat()
        raise NoSuchMoment(f"nothing is known of {asked}: the log begins with event 1{began}")


class InProcess:
    """Works it out in the loop, some events at a time: where there is no other process."""

    def __init__(self, log: Reads, snapshots: Snapshots) -> None:
        self._log = log
        self._snapshots = snapshots

    async def run(self) -> None:
        """Nothing is needed."""

    async def seq_at(self, question: Question) -> int:
        await trio.lowlevel.checkpoint()
        return recall.resolved(self._log, question)

    async def state(self, question: Question) -> World:
        await trio.lowlevel.checkpoint()
        seq = recall.resolved(self._log, question)
        if not seq:
            return World()
        steps = recall.state(self._log, self._snapshots, seq, question.connection)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            await trio.lowlevel.checkpoint()


class Standing:
    """A clock that stands still."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def drift(self) -> timedelta:
        return timedelta()


class PastLog:
    """A log as it was at an event: what came after is not there, and nothing can be added."""

    def __init__(self, log: Log, head: int) -> None:
        self._log = log
        self._head = head

    def read(
        self, after: int, *, subject: int | None = None, limit: int = READ_EVENTS
    ) -> list[Recorded]:
        found = self._log.read(after, subject=subject, limit=limit)
        return [each for each in found if each.seq <= self._head]

    def pick(self, numbers: Sequence[int]) -> list[Recorded]:
        return self._log.pick([each for each in numbers if each <= self._head])

    def numbers(
        self, subject: int, *, after: int, upto: int, limit: int, latest: bool
    ) -> list[int]:
        upto = min(upto, self._head)
        return self._log.numbers(subject, after=after, upto=upto, limit=limit, latest=latest)

    def block_of(self, seq: int) -> bytes | None:
        return self._log.block_of(seq) if seq <= self._head else None

    def count_types(self) -> Never:
        raise AssertionError("what the log has of each type is counted as of now alone")

    def replay(self, after: int = 0) -> Never:  # noqa: ARG002 - a log's method
        raise AssertionError("a log is replayed once, at the start")

    def start(self, listener: Listener) -> None:  # noqa: ARG002 - a log's method
        raise AssertionError("nothing is written into the past")

    def append(self, rows: Sequence[Row]) -> None:  # noqa: ARG002 - a log's method
        raise AssertionError("nothing is written into the past")

    def hurry(self) -> None:
        raise AssertionError("nothing is written into the past")

    def close(self) -> None:
        """Nothing: it is another one's."""


class PastJournal(Journal):
    """A journal that stands still: `world`, `moment()`, `clock.now()`, `head` and `log` as of then.

    Nothing can be decided or recorded there, and nothing follows.
    """

    def __init__(self, log: PastLog, world: World, clock: Clock) -> None:
        super().__init__(log, world, clock)

    def execute(self, command: Command) -> Never:
        raise AssertionError(f"{type(command).__name__} cannot be decided in the past")
