"""What may start next? Heaps that follow the World, so that nothing walks over all connections.

Each provider has two: what falls due, by time, and what is due, by rank. An entry carries the
generation of its connection; when the connection's state moves on, its old entries mean nothing.
A provider that lets nothing start for now (its breaker is open, all its places are taken) is not
looked into, but for what cannot wait. Retries that are too many at once are set aside.
"""

import heapq
from datetime import datetime

from daemon.decide.turn import AT_ONCE, NEVER, Rank, opens_at, rank, waits_for_others
from projections import policy
from projections.connection import Connection, next_work
from projections.world import World

Place = tuple[Rank, datetime, int]
"""(rank of the connection, due, subject): the least runs first."""


_Start = tuple[datetime, bool, bool]
"""When, whether somebody asked for it, and whether that one is forced."""


class _Lane:
    """One provider's connections."""

    def __init__(self) -> None:
        self.coming: list[tuple[datetime, int, int]] = []  # (when, subject, generation)
        self.ready: list[tuple[Place, int]] = []  # (place, generation)
        self.aside: list[tuple[Place, int]] = []  # retries, until one that runs has ended


class Agenda:
    def __init__(self, world: World) -> None:
        self._world = world
        self._lanes: dict[int, _Lane] = {}
        self._generations: dict[int, int] = {}
        self._starts: dict[int, _Start] = {}
        for subject, connection in world.connections.items():
            self.note(subject, connection)

    def note(self, subject: int, connection: Connection) -> bool:
        """Take in a connection's new state. True where its next start is another one now."""
        at = next_work(connection)
        asked = connection.schedule.request
        start = None if at is None else (at, asked is not None, asked is not None and asked.forced)
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

    def rank_anew(self, now: datetime) -> None:
        """Settings are other ones: who is due already may stand elsewhere now."""
        for lane in self._lanes.values():
            waiting = [*lane.ready, *lane.aside]
            lane.aside.clear()
            lane.ready = [
                ((rank(self._world, subject, now), due, subject), generation)
                for (_, due, subject), generation in waiting
                if not self._is_stale(subject, generation)
            ]
            heapq.heapify(lane.ready)

    def pop(self, now: datetime) -> int | None:
        """The connection that should start now, if any. It is not given again until it moves on."""
        best: _Lane | None = None
        for provider, lane in self._lanes.items():
            self._promote(lane, now)
            if not lane.ready or (best and best.ready[0] < lane.ready[0]):
                continue
            at_once = lane.ready[0][0][0][0] == AT_ONCE
            if at_once or opens_at(self._world, provider, now) is None:
                best = lane
        return heapq.heappop(best.ready)[0][2] if best else None

    def next_at(self, now: datetime) -> datetime | None:
        """When the next connection falls due, or a provider with some that are due opens.

        What is due already and could start does not count.
        """
        firsts = [lane.coming[0][0] for lane in self._lanes.values() if self._tidy(lane)]
        for provider, lane in self._lanes.items():
            opens = opens_at(self._world, provider, now) if lane.ready else None
            firsts += [opens] if opens and opens < NEVER else []
        return min(firsts, default=None)

    def _promote(self, lane: _Lane, now: datetime) -> None:
        while self._tidy(lane) and lane.coming[0][0] <= now:
            due, subject, generation = heapq.heappop(lane.coming)
            place = rank(self._world, subject, now), due, subject
            heapq.heappush(lane.ready, (place, generation))
        while lane.aside and not self._retries_are_full():
            heapq.heappush(lane.ready, lane.aside.pop())
        while lane.ready:
            (_, due, subject), generation = lane.ready[0]
            stale = self._is_stale(subject, generation)
            if not stale and due <= now and not waits_for_others(self._world, subject, now):
                return
            entry = heapq.heappop(lane.ready)
            if not stale and due > now:  # the clock stepped back: it is not due any more
                heapq.heappush(lane.coming, (due, subject, generation))
            elif not stale:
                lane.aside.append(entry)

    def _retries_are_full(self) -> bool:
        return len(self._world.fleet.retrying) >= policy.of_fleet(self._world).retries_at_once

    def _tidy(self, lane: _Lane) -> bool:
        while lane.coming and self._is_stale(lane.coming[0][1], lane.coming[0][2]):
            heapq.heappop(lane.coming)
        return bool(lane.coming)

    def _is_stale(self, subject: int, generation: int) -> bool:
        return self._generations[subject] != generation
