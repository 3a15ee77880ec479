"""Which answers are kept, and which are given up when there are too many?

The labels of all are in memory, so that what is not there costs nothing; bodies lie on the shelf.
Writing goes on behind the back of who calls: until it is done the body is in memory too, and the
bodies used last stay there. What leaves the entries leaves memory with them, in `_leave` alone.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon.cache.reach import Reach
from daemon.cache.recent import Recent
from daemon.cache.shelf import Kept, Label, Shelf, ShelfUnusable
from daemon.store.storage import Run

BYTES_MAX = 256 * 1024**2  # of bodies, with LABEL_BYTES for each
LABEL_BYTES = 1024  # what a label costs, on disk and in memory: many small answers add up
SHARE = 4  # a connection has at most a quarter: one that asks for much leaves others theirs
ANSWER_SHARE = 16  # and one answer at most a sixteenth
UNWRITTEN_MAX = 256  # answers that wait for the disk; what comes then is not kept
REST_S = 60.0  # after the disk refused
T = TypeVar("T")

log = structlog.get_logger()


class _Entry(Struct, kw_only=True, eq=False):
    """An answer, with its body while that is not on the shelf yet."""

    label: Label
    kept: Kept | None = None


class Cache:
    """One for the daemon; everything is called in the Trio thread."""

    def __init__(
        self,
        shelf: Shelf,
        run: Run,
        bytes_max: int = BYTES_MAX,
        recent: Recent | None = None,
    ) -> None:
        self._shelf = shelf
        self._run = run
        self.bytes_max = bytes_max
        self._recent = Recent() if recent is None else recent
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()  # used last: last
        self._of: dict[int, OrderedDict[bytes, None]] = {}  # connection → its keys, likewise
        self._sure: dict[int, Reach] = {}  # connection → those that are not in doubt
        self._bytes: dict[int, int] = {}
        self._total = 0
        self._put: dict[bytes, _Entry] = {}
        self._relabelled: set[bytes] = set()
        self._dropped: set[bytes] = set()
        self._writing = trio.Lock()
        self._wake = trio.Event()
        self._rests_until = -math.inf
        for label in shelf.labels():
            self._enter(_Entry(label=label))
        self._evict()

    async def run(self) -> None:
        """Write what changes."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            await self.flush()

    def find(self, key: bytes) -> Label | None:
        entry = self._entries.get(key)
        return None if entry is None else entry.label

    async def read(self, key: bytes) -> Kept | None:
        """The answer itself; None where it is gone. It counts as used.

        It is what `find` knows of when this returns: what was dropped meanwhile is not given, and
        of what was replaced that which came instead.
        """
        while (entry := self._entries.get(key)) is not None:
            self._entries.move_to_end(key)
            self._of[entry.label.connection].move_to_end(key)
            kept = await self._body(entry)
            if self._entries.get(key) is not entry:
                continue
            if kept is None:
                self.drop([key])
            else:
                self._recent.use(key, kept)
            return kept
        return None

    async def _body(self, entry: _Entry) -> Kept | None:
        key = entry.label.key
        kept = self._recent.find(key) or entry.kept
        if kept is None:
            return await self._tried(lambda: self._shelf.read(key))
        await trio.lowlevel.checkpoint()  # as on the way to the disk: others have their turn
        return kept

    def put(self, label: Label, kept: Kept) -> None:
        """Keep an answer, unless it is too large, or the disk does not keep up."""
        resting = trio.current_time() < self._rests_until
        large = label.size + LABEL_BYTES > self.bytes_max // ANSWER_SHARE
        if large or resting or len(self._put) >= UNWRITTEN_MAX:
            self.drop([label.key])
            return
        self._leave(label.key)
        entry = _Entry(label=label, kept=kept)
        self._enter(entry)
        self._dropped.discard(label.key)
        self._put[label.key] = entry
        self._recent.use(label.key, kept)
        self._evict()
        self._wake.set()

    def relabel(self, label: Label) -> None:
        """Say something else of an answer that is kept."""
        entry = self._entries.get(label.key)
        if entry is not None:
            self._mistrust(entry.label)
            entry.label = label
            self._trust(label)
            self._relabelled.add(label.key)
            self._wake.set()

    def doubt(self, connection: int, path: str) -> bool:
        """A write may have changed what was answered at its path, above it, and below it.

        Says whether that is news, which `flush` makes durable.
        """
        sure = self._sure.get(connection)
        touched = sure.take(path) if sure is not None else []
        for key in touched:
            entry = self._entries[key]
            entry.label = replace(entry.label, doubted=True)
        self._relabelled.update(touched)
        if touched:
            self._wake.set()
        return bool(touched)

    def of(self, connection: int) -> list[Label]:
        """What is kept of a connection, the one used last at the end."""
        return [self._entries[key].label for key in self._of.get(connection, ())]

    def connections(self) -> list[int]:
        """Those of which anything is kept."""
        return sorted(self._of)

    def forget(self, connection: int) -> None:
        """Drop all of one that is gone, or is another account from now on."""
        self.drop(list(self._of.get(connection, ())))

    def drop(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._leave(key)
            self._put.pop(key, None)
            self._relabelled.discard(key)
            self._dropped.add(key)
        self._wake.set()

    def size(self, connection: int | None = None) -> int:
        """How many bytes are kept: of a connection, or in all."""
        return self._total if connection is None else self._bytes.get(connection, 0)

    async def flush(self) -> None:
        """Have on disk what was changed before; where the disk refuses, that is given up."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        put, self._put = self._put, {}
        relabelled = [self._entries[key].label for key in self._relabelled - set(put)]
        dropped, self._dropped, self._relabelled = self._dropped, set(), set()
        if not (put or relabelled or dropped):
            return
        rows = [(each.label, each.kept) for each in put.values() if each.kept is not None]

        def write() -> bool:
            self._shelf.write(rows, relabelled, dropped)
            return True

        if await self._tried(write):
            for entry in put.values():
                entry.kept = None
            return
        self._rests_until = trio.current_time() + REST_S
        given_up = {*put, *(label.key for label in relabelled)} - set(self._put)
        for key in given_up:
            self._leave(key)
        self._relabelled -= given_up
        self._dropped |= dropped | given_up

    async def _tried(self, call: Callable[[], T]) -> T | None:
        try:
            return await self._run(call)
        except ShelfUnusable as error:
            log.warning("cache-unusable", reason=str(error))
            return None

    def _enter(self, entry: _Entry) -> None:
        key, of, size = entry.label.key, entry.label.connection, entry.label.size + LABEL_BYTES
        self._entries[key] = entry
        self._of.setdefault(of, OrderedDict())[key] = None
        self._sure.setdefault(of, Reach())
        self._trust(entry.label)
        self._bytes[of] = self._bytes.get(of, 0) + size
        self._total += size

    def _leave(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._recent.drop(key)
        self._mistrust(entry.label)
        of, size = entry.label.connection, entry.label.size + LABEL_BYTES
        self._total -= size
        self._bytes[of] -= size
        del self._of[of][key]
        if not self._of[of]:
            del self._of[of], self._sure[of], self._bytes[of]

    def _trust(self, label: Label) -> None:
        """A write may put it in doubt from now on. What is in doubt costs no write anything."""
        if not label.doubted:
            self._sure[label.connection].add(label.path, label.key)

    def _mistrust(self, label: Label) -> None:
        if not label.doubted:
            self._sure[label.connection].remove(label.path, label.key)

    def _evict(self) -> None:
        """Give up what was not used for the longest."""
        if self._entries:
            newest = next(reversed(self._entries.values())).label.connection
            while self._bytes.get(newest, 0) > self.bytes_max // SHARE:
                self.drop([next(iter(self._of[newest]))])
        while self._total > self.bytes_max:
            self.drop([next(iter(self._entries))])
