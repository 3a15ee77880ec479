"""What may start next? Heaps that follow the World, so that nothing walks over all connections.

Each provider has two: what falls due, by time, and what is due, by rank. An entry carries the
generation of its connection; when the connection's state moves on, its old entries mean nothing.
"""

import heapq
from datetime import datetime

from daemon.decide.start import rank
from projections.connection import Connection, next_work
from projections.world import World

Rank = tuple[int, datetime, int]
"""(rank of the connection, due, subject): the least runs first."""


class _Lane:
    """One provider's connections."""

    def __init__(self) -> None:
        self.coming: list[tuple[datetime, int, int]] = []  # (when, subject, generation)
        self.ready: list[tuple[Rank, int]] = []  # (rank, generation)


class Agenda:
    def __init__(self, world: World) -> None:
        self._world = world
        self._lanes: dict[int, _Lane] = {}
        self._generations: dict[int, int] = {}
        self._starts: dict[int, tuple[datetime, bool]] = {}  # when, and whether it was requested
        for subject, connection in world.connections.items():
            self.note(subject, connection)

    def note(self, subject: int, connection: Connection) -> bool:
        """Take in a connection's new state. True where its next start is another one now."""
        at = next_work(connection)
        start = None if at is None else (at, connection.schedule.request is not None)
        if start == self._starts.get(subject):
            return False
        generation = self._generations.get(subject, 0) + 1
        self._generations[subject] = generation
        if start is None:
            del self._starts[subject]
        else:
            self._starts[subject] = start
            lane = self._lanes.setdefault(connection.provider, _Lane())
            heapq.heappush(lane.coming, (start[0], subject, generation))
        return True

    def renew(self, subject: int) -> None:
        """Enter a connection again that was popped and could not be started yet."""
        self._starts.pop(subject, None)
        self.note(subject, self._world.connections[subject])

    def pop(self, now: datetime) -> int | None:
        """The connection that should start now, if any. It is not given again until it moves on."""
        best: _Lane | None = None
        for lane in self._lanes.values():
            self._promote(lane, now)
            if lane.ready and (best is None or lane.ready[0] < best.ready[0]):
                best = lane
        return heapq.heappop(best.ready)[0][2] if best else None

    def next_at(self) -> datetime | None:
        """When the next connection falls due; what is due already does not count."""
        firsts = [lane.coming[0][0] for lane in self._lanes.values() if self._tidy(lane)]
        return min(firsts, default=None)

    def _promote(self, lane: _Lane, now: datetime) -> None:
        while self._tidy(lane) and lane.coming[0][0] <= now:
            due, subject, generation = heapq.heappop(lane.coming)
            connection = self._world.connections[subject]
            heapq.heappush(lane.ready, ((rank(connection, now), due, subject), generation))
        while lane.ready:
            (_, due, subject), generation = lane.ready[0]
            stale = self._is_stale(subject, generation)
            if not stale and due <= now:
                return
            heapq.heappop(lane.ready)
            if not stale:  # the clock stepped back: it is not due any more
                heapq.heappush(lane.coming, (due, subject, generation))

    def _tidy(self, lane: _Lane) -> bool:
        while lane.coming and self._is_stale(lane.coming[0][1], lane.coming[0][2]):
            heapq.heappop(lane.coming)
        return bool(lane.coming)

    def _is_stale(self, subject: int, generation: int) -> bool:
        return self._generations[subject] != generation
