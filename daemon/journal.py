"""How does a wish become recorded fact, with nothing between reading state and recording?

    execute(command):  decide ─► number ─► fold ─► hand to the writer       no await, so no race
    durable(recorded): wait for the commit that holds it                    before anything leaves
    room():            wait while too much is unwritten, or the disk is full before new work

`execute` never refuses: the outcomes of running work always find a place, in memory for the moment
and on disk through the ballast. New work asks for `room` first.
"""

import heapq
import itertools
from collections.abc import Callable, Sequence

import structlog
import trio

from daemon.clock import Clock
from daemon.commands import Command
from daemon.decide import decide
from events.access import FleetRead, TenantRead
from events.codec import encode
from events.envelope import Recorded
from events.gateway import CallMade
from events.log import Log
from events.subscription import Head, Subscription
from projections import world as worlds
from projections.window import Moment
from projections.world import World

ROOM_EVENTS = 8192  # unwritten events past which no new work begins: two of the writer's batches

log = structlog.get_logger()

LINGERS = frozenset({CallMade, TenantRead, FleetRead})
"""What nobody waits for, and no later life goes by: it need not have a commit of its own."""

Observer = Callable[[Recorded], None]
"""Told of each event as it is folded, before it is durable: for what is derived in memory."""


class LogBroken(Exception):
    """The log can no longer be written; the process must end, and the next one replays."""


class Journal:
    """The one writer of the World. Everything is called in the Trio thread."""

    def __init__(self, log: Log, world: World, clock: Clock) -> None:
        """`world` is the fold of everything in `log`, up to its head."""
        self.log = log
        self.world = world
        self.clock = clock
        self.head = Head(world.seq)
        self.block = b""
        self.holds: set[str] = set()
        self._observers: list[Observer] = []
        self._waiting: list[tuple[int, int, trio.Event]] = []  # (seq, turn, committed)
        self._turns = itertools.count()
        self._room = trio.Event()
        self._broken: Exception | None = None
        self._breaks = trio.Event()

    def observe(self, observer: Observer) -> None:
        self._observers.append(observer)

    def moment(self) -> Moment:
        """Now, by both clocks, as far as somebody noticed the steps of the one."""
        return Moment(wall=self.clock.now(), ahead=self.world.fleet.ahead)

    def execute(self, command: Command) -> list[Recorded]:
        """Decide, record in memory, hand to the writer: what was recorded, in order."""
        now = self.clock.now()
        decisions = decide(command, self.world, now)
        if not decisions:
            return []
        first = self.world.seq + 1
        batch = [
            Recorded(seq=seq, at=now, subject=subject, event=event)
            for seq, (subject, event) in enumerate(decisions, first)
        ]
        rows = [encode(recorded) for recorded in batch]
        for recorded in batch:
            worlds.fold(self.world, recorded)
            for observer in self._observers:
                observer(recorded)
        self.log.append(rows)
        if any(type(recorded.event) not in LINGERS for recorded in batch):
            self.log.hurry()
        return batch

    async def durable(self, recorded: Sequence[Recorded]) -> None:
        """Wait until all of it is on disk. Raises LogBroken where it never will be."""
        if not recorded or recorded[-1].seq <= self.head.seq:
            await trio.lowlevel.checkpoint()
            return
        if self._broken is not None:
            raise self._why_broken()
        self.log.hurry()
        committed = trio.Event()
        heapq.heappush(self._waiting, (recorded[-1].seq, next(self._turns), committed))
        await committed.wait()
        if recorded[-1].seq > self.head.seq:
            raise self._why_broken()

    @property
    def has_room(self) -> bool:
        return not self.holds and self.world.seq - self.head.seq < ROOM_EVENTS

    async def room(self) -> None:
        """Wait until new work may begin; it may when this returns, and until the next await."""
        await trio.lowlevel.checkpoint()
        while not self.has_room:
            await self._room.wait()

    def hold(self, file: str) -> bool:
        """Begin nothing new: the disk has no room for this file. False where that was known."""
        if file in self.holds:
            return False
        self.holds.add(file)
        log.warning("disk-full", file=file, seq=self.head.seq)
        return True

    def release(self, file: str) -> None:
        if file in self.holds:
            self.holds.discard(file)
            log.info("disk-has-room", file=file, seq=self.head.seq)
        self._free()

    def subscribe(self, after: int, subject: int | None = None) -> Subscription:
        """Follow the durable events after that number, of one subject or of all."""
        return Subscription(self.log, self.head, after, subject)

    async def watch(self) -> None:
        """Wait for the log to break, and raise LogBroken then."""
        await self._breaks.wait()
        raise self._why_broken()

    # What the log's writer tells, brought into the Trio thread by `Bridge` where it has its own.

    def committed(self, seq: int, block: bytes) -> None:
        self.block = block
        self.head.advance(seq)
        while self._waiting and self._waiting[0][0] <= seq:
            heapq.heappop(self._waiting)[2].set()
        self._free()

    def starved(self) -> None:
        self.hold("log")

    def fed(self) -> None:
        self.release("log")

    def broken(self, error: Exception) -> None:
        self._broken = error
        self._breaks.set()
        for _, _, waiting in self._waiting:
            waiting.set()

    def _why_broken(self) -> LogBroken:
        return LogBroken(
            f"the log cannot be written any more ({self._broken}); rounds stops, so that nothing "
            "is acknowledged that is not on disk; check the disk, then start it again"
        )

    def _free(self) -> None:
        if self.has_room:
            self._room.set()
            self._room = trio.Event()


class Bridge:
    """Carries what the writer's thread tells into the Trio thread."""

    def __init__(self, journal: Journal, token: trio.lowlevel.TrioToken) -> None:
        self._journal = journal
        self._token = token

    def committed(self, seq: int, block: bytes) -> None:
        self._tell(self._journal.committed, seq, block)

    def starved(self) -> None:
        self._tell(self._journal.starved)

    def fed(self) -> None:
        self._tell(self._journal.fed)

    def broken(self, error: Exception) -> None:
        self._tell(self._journal.broken, error)

    def _tell(self, what: Callable[..., None], *args: object) -> None:
        try:
            self._token.run_sync_soon(what, *args)
        except trio.RunFinishedError:
            return  # the loop has ended: nobody is left who waits
