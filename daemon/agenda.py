"""What may start next? Heaps that follow the World, so that nothing walks over all connections.

Each provider has three: what falls due, by time; what is due, by rank; and retries that are too
many at once, by rank too, until one that runs has ended. An entry carries the generation of its
connection; when the connection's state moves on, its old entries mean nothing. A provider that lets
nothing start for now (its breaker is open, all its places are taken) is not looked into, but for
what cannot wait.
"""

import heapq
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from daemon.decide.turn import AT_ONCE, NEVER, Rank, is_retry, opens_at, rank, retries_are_full
from projections.connection import Connection, next_work
from projections.world import World

Entry = tuple[Rank, datetime, int, int]
"""(rank of the connection, due, subject, generation): the least runs first."""

_Start = tuple[datetime, bool, bool, datetime | None, int]
"""When, whether somebody asked for it, and whether that one is forced; when a grant wants care; at
which provider."""

UNRANKED = (0, 0)  # what is not due yet comes by time alone
STALE_LEAST = 64  # entries that a heap may hold before it is looked whether they mean anything


class _Heap:
    """Entries, the least first; those that mean nothing any more are never shown.

    They are dropped when they come first, and all of them when the heap has doubled since: it is
    never more than twice as large as what it holds, at no more cost than a push.
    """

    def __init__(self, generations: Mapping[int, int]) -> None:
        self._generations = generations
        self._entries: list[Entry] = []
        self._full = STALE_LEAST

    def push(self, entry: Entry) -> None:
        heapq.heappush(self._entries, entry)
        if len(self._entries) > self._full:
            self._entries = [each for each in self._entries if self._is_good(each)]
            heapq.heapify(self._entries)
            self._full = max(STALE_LEAST, 2 * len(self._entries))

    def first(self) -> Entry | None:
        while self._entries and not self._is_good(self._entries[0]):
            heapq.heappop(self._entries)
        return self._entries[0] if self._entries else None

    def pop(self) -> Entry:
        """Take what `first` has shown."""
        return heapq.heappop(self._entries)

    def cut(self, now: datetime) -> list[Entry]:
        """Take what is due after `now`."""
        later = [each for each in self._entries if each[1] > now]
        self._entries = [each for each in self._entries if each[1] <= now]
        heapq.heapify(self._entries)
        return later

    def __len__(self) -> int:
        return len(self._entries)

    def _is_good(self, entry: Entry) -> bool:
        return self._generations[entry[2]] == entry[3]


class _Lane:
    """One provider's connections."""

    def __init__(self, generations: Mapping[int, int]) -> None:
        self.coming = _Heap(generations)
        self.ready = _Heap(generations)
        self.aside = _Heap(generations)

    def step_back(self, now: datetime) -> None:
        """The clock did: some are not due any more."""
        for entry in (*self.ready.cut(now), *self.aside.cut(now)):
            self.coming.push((UNRANKED, *entry[1:]))


class Agenda:
    def __init__(self, world: World) -> None:
        self._world = world
        self._lanes: dict[int, _Lane] = {}
        self._generations: dict[int, int] = {}
        self._starts: dict[int, _Start] = {}
        self._admitted = datetime.min.replace(tzinfo=UTC)
        for subject, connection in world.connections.items():
            self.note(subject, connection)

    def __len__(self) -> int:
        """How many entries its heaps hold, stale ones too."""
        return sum(
            len(heap)
            for lane in self._lanes.values()
            for heap in (lane.coming, lane.ready, lane.aside)
        )

    def note(self, subject: int, connection: Connection) -> bool:
        """Take in a connection's new state. True where its next start is another one now."""
        at = next_work(connection)
        asked = connection.schedule.request
        forced = asked is not None and asked.forced
        tended = connection.grant.renew_by
        at_provider = connection.provider
        start = None if at is None else (at, asked is not None, forced, tended, at_provider)
        if start == self._starts.get(subject):
            return False
        generation = self._generations.get(subject, 0) + 1
        self._generations[subject] = generation
        if start is None:
            del self._starts[subject]
            return True
        self._starts[subject] = start
        lane = self._lanes.get(connection.provider)
        if lane is None:
            lane = self._lanes[connection.provider] = _Lane(self._generations)
        lane.coming.push((UNRANKED, start[0], subject, generation))
        return True

    def renew(self, subject: int) -> None:
        """Enter a connection again that was popped and could not be started yet."""
        self._starts.pop(subject, None)
        self.note(subject, self._world.connections[subject])

    def rank_anew(self, subject: int, now: datetime) -> None:
        """Settings are other ones: if it is due already, it may stand elsewhere now."""
        start = self._starts.get(subject)
        if start is not None and start[0] <= now:
            self.renew(subject)

    def admit(self, now: datetime, limit: int = sys.maxsize) -> bool:
        """Rank what fell due, so many at most. True where that was all."""
        if now < self._admitted:
            for lane in self._lanes.values():
                lane.step_back(now)
        self._admitted = now
        for lane in self._lanes.values():
            while (entry := lane.coming.first()) is not None and entry[1] <= now:
                if not limit:
                    return False
                limit -= 1
                _, due, subject, generation = lane.coming.pop()
                lane.ready.push((rank(self._world, subject, now), due, subject, generation))
                renew_by = self._world.connections[subject].grant.renew_by
                if renew_by is not None and renew_by > now:  # then it waits for no breaker
                    lane.coming.push((UNRANKED, renew_by, subject, generation))
        return True

    def pop(self, now: datetime) -> int | None:
        """The connection that should start now, if any. It is not given again until it moves on."""
        self.admit(now)
        full = retries_are_full(self._world)
        best: tuple[Entry, _Heap] | None = None
        for provider, lane in self._lanes.items():
            found = self._foremost(lane, now, full=full)
            if found is None or (best and best[0] < found[0]):
                continue
            at_once = found[0][0][0] == AT_ONCE
            if at_once or opens_at(self._world, provider, now) is None:
                best = found
        if best is None:
            return None
        _, _, subject, _ = best[1].pop()
        self._generations[subject] += 1  # it may stand in another heap as well
        return subject

    def next_at(self, now: datetime) -> datetime | None:
        """When the next connection falls due, or a provider with some that are due opens.

        That is now where one has opened since `pop` was last asked.
        """
        firsts = [entry[1] for lane in self._lanes.values() if (entry := lane.coming.first())]
        for provider, lane in self._lanes.items():
            if lane.ready.first():
                opens = opens_at(self._world, provider, now) or now
                firsts += [opens] if opens < NEVER else []
        return min(firsts, default=None)

    def _foremost(self, lane: _Lane, now: datetime, *, full: bool) -> tuple[Entry, _Heap] | None:
        """A lane's first entry, and where it stands; while retries are `full`, it is none."""
        ready = lane.ready.first()
        while full and ready and is_retry(self._world, ready[2], now):
            self._set_aside(lane, lane.ready.pop(), now)
            ready = lane.ready.first()
        aside = None if full else lane.aside.first()
        if aside and (ready is None or aside < ready):
            return aside, lane.aside
        return (ready, lane.ready) if ready else None

    def _set_aside(self, lane: _Lane, entry: Entry, now: datetime) -> None:
        """Let a retry wait; once its connection's turn has come, it is a retry no more."""
        _, _, subject, generation = entry
        lane.aside.push(entry)
        due = self._world.connections[subject].schedule.due
        if due is not None and due > now:
            lane.coming.push((UNRANKED, due, subject, generation))
