"""How would a log behave whose disk is slow, full, broken or gone, at moments that dice choose?

`Disk` is what a death leaves behind; each life opens it as a `MemoryLog` of its own. There are no
threads: a Trio task commits after a drawn delay, so that years pass under a mocked clock.
"""

import bisect
import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence

import trio

from events import chain
from events.codec import Row, decode
from events.envelope import Recorded
from events.log import READ_EVENTS
from events.writer import Listener

COMMIT_S_MAX = 0.02  # a slow disk's fsync
HOLD_CHANCE = 0.1  # how often a commit waits for more to come
HOLD_S_MAX = 0.5
BALLAST_COMMITS = 64  # what fits on a full disk once the ballast is given back
RETRY_S = 0.5


class Disk:
    """Durable rows and blocks, and whether there is room for more."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.blocks: list[tuple[int, bytes]] = []
        self.full = False
        self._of_subject: defaultdict[int, list[int]] = defaultdict(list)

    def write(self, batch: Sequence[Row], block: bytes) -> None:
        for row in batch:
            assert row[0] == len(self.rows) + 1, "the log's numbers have no gaps"
            self.rows.append(row)
            self._of_subject[row[2]].append(row[0])
        self.blocks.append((len(self.rows), block))

    def read(self, after: int, subject: int | None, limit: int) -> list[Row]:
        if subject is None:
            return self.rows[after : after + limit]
        numbers = self._of_subject[subject]
        start = bisect.bisect_right(numbers, after)
        return [self.rows[seq - 1] for seq in numbers[start : start + limit]]


class MemoryLog:
    """One life of a log: replay, start, append, then close, or be killed."""

    def __init__(self, disk: Disk, nursery: trio.Nursery, dice: random.Random) -> None:
        self.disk = disk
        self.head, self.block = 0, chain.GENESIS
        self._nursery = nursery
        self._dice = dice
        self._groups: deque[Sequence[Row]] = deque()
        self._awake = trio.Event()
        self._scope = trio.CancelScope()
        self._listener: Listener | None = None
        self._ballast = BALLAST_COMMITS
        self._starved = False
        self._ended = False
        self._failing: Exception | None = None

    def block_of(self, seq: int) -> bytes | None:
        ends = [last for last, _ in self.disk.blocks]
        found = bisect.bisect_left(ends, seq)
        return self.disk.blocks[found][1] if seq > 0 and found < len(ends) else None

    def replay(self, after: int = 0) -> Iterator[Recorded]:
        first = 0
        for last, block in self.disk.blocks:
            rows = self.disk.rows[first:last]
            assert chain.link(self.block, rows) == block, "a disk keeps what was written"
            for row in rows:
                if row[0] > after:
                    yield decode(row)
            self.head, self.block, first = last, block, last

    def start(self, listener: Listener) -> None:
        assert self.head == len(self.disk.rows), "a log is replayed before it is started"
        self._listener = listener
        self._nursery.start_soon(self._run)

    def append(self, rows: Sequence[Row]) -> None:
        assert self._listener is not None, "a log is started before it is appended to"
        if rows and not self._ended:
            self._groups.append(rows)
            self._awake.set()

    def hurry(self) -> None:
        """Nothing: how long a commit takes is drawn, whoever waits."""

    def read(
        self, after: int, *, subject: int | None = None, limit: int = READ_EVENTS
    ) -> list[Recorded]:
        return [decode(row) for row in self.disk.read(after, subject, limit)]

    def pick(self, numbers: Sequence[int]) -> list[Recorded]:
        rows = self.disk.rows
        return [decode(rows[each - 1]) for each in sorted({*numbers}) if 0 < each <= len(rows)]

    def numbers(
        self, subject: int, *, after: int, upto: int, limit: int, latest: bool
    ) -> list[int]:
        rows = self.disk.read(after, subject, len(self.disk.rows))
        found = [row[0] for row in rows if row[0] <= upto]
        return found[-limit:] if latest else found[:limit]

    def count_types(self) -> dict[str, int]:
        return dict(Counter(row[3].split(b'"')[3].decode() for row in self.disk.rows))

    def close(self) -> None:
        """Write what was handed in, as far as there is room, and let go."""
        while self._groups and not self._ended and self._room():
            self._commit([self._groups.popleft()])
        self.kill()

    # What the world does to it.

    def kill(self) -> None:
        """Die at once: what was not committed is forgotten, and nothing is ever told again."""
        self._ended = True
        self._groups.clear()
        self._scope.cancel()

    def fail(self, error: Exception) -> None:
        """Break at the next commit, for good, as after a failed fsync."""
        self._failing = error

    async def _run(self) -> None:
        with self._scope:
            while not self._ended:
                await self._awake.wait()
                idle = self._starved and not self._groups
                await trio.sleep(RETRY_S if idle else self._dice.uniform(0, COMMIT_S_MAX))
                if self._dice.random() < HOLD_CHANCE:
                    await trio.sleep(self._dice.uniform(0, HOLD_S_MAX))
                await self._settle()

    async def _settle(self) -> None:
        """Commit some of what waits, at least one group, once there is room for it."""
        assert self._listener is not None
        if self._failing is not None:
            self._ended = True
            self._listener.broken(self._failing)
            return
        if not self._room():
            await trio.sleep(RETRY_S)
            return
        count = self._dice.randint(1, len(self._groups)) if self._groups else 0
        self._commit([self._groups.popleft() for _ in range(count)])
        if self._starved and not self.disk.full:
            self._starved, self._ballast = False, BALLAST_COMMITS
            self._listener.fed()
        if not self._groups and not self._starved:
            self._awake = trio.Event()

    def _room(self) -> bool:
        """Whether a commit fits. The first one that does not gives the ballast back."""
        assert self._listener is not None
        if not self.disk.full:
            return True
        if not self._starved:
            self._starved = True
            self._listener.starved()
        self._ballast -= 1
        return self._ballast >= 0

    def _commit(self, groups: Sequence[Sequence[Row]]) -> None:
        assert self._listener is not None
        batch = [row for group in groups for row in group]
        if not batch:
            return
        self.block = chain.link(self.block, batch)
        self.disk.write(batch, self.block)
        self.head = batch[-1][0]
        self._listener.committed(self.head, self.block)
