"""How does a connection live whose provider has something new now and then?

All of it is decided and folded as the daemon does it, one sync after the other.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from daemon.decide import decide
from events import schema
from events.envelope import Recorded
from projections import world as worlds
from projections.world import World
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    NOON,
    ONE,
    PROVIDER,
    SECOND,
    captured,
    finish,
    scheduled,
)

DAY = timedelta(days=1)
MIDNIGHT = NOON - 12 * HOUR


class Life(Struct, kw_only=True):
    """Its world so far; when it looked, how late each arrival was found, what was planned."""

    world: World
    now: datetime
    looks: list[datetime] = []
    delays: list[tuple[datetime, timedelta]] = []
    planned: list[tuple[datetime, schema.SyncScheduled]] = []

    def fold(self, subject, event):
        seq = self.world.seq + 1
        worlds.fold(self.world, Recorded(seq=seq, at=self.now, subject=subject, event=event))

    def decide(self, command):
        for subject, event in decide(command, self.world, self.now):
            self.fold(subject, event)
            if isinstance(event, schema.SyncScheduled):
                self.planned.append((self.now, event))

    def sync(self, new=0, failures=(), **counts):
        """One sync of the connection, which finds so much that is new, and takes no time."""
        self.fold(ONE, schema.SyncStarted(kind="scheduled", due=self.now, priority=5))
        sync = self.world.seq
        if not failures:
            more = {"added": new, "changed": 0, "removed": 0} | counts
            self.fold(ONE, captured(sync, **more))
        streams = () if failures else ("days",)
        self.decide(finish(sync, *streams, failures=failures))

    def until(self, end, came):
        """Sync whenever it is due, until then; what `came` lies in its order."""
        came = [each for each in came if each > self.now]
        while (due := self.world.connections[ONE].schedule.due) < end:
            self.now = due
            new = [each for each in came if each <= self.now]
            came = came[len(new) :]
            self.delays += [(each, self.now - each) for each in new]
            self.looks.append(self.now)
            self.sync(len(new))

    def between(self, since, until):
        """Syncs a day, and the mean delay in hours."""
        looks = sum(since <= each < until for each in self.looks)
        delays = [late / HOUR for at, late in self.delays if since <= at < until]
        return looks / ((until - since) / DAY), sum(delays) / max(1, len(delays))


def begun(*settings, now=NOON, declared=DECLARED):
    """A connection after its first load, with these settings of its own."""
    life = Life(world=World(), now=now, looks=[], delays=[], planned=[])
    for subject, event in (
        (PROVIDER, declared),
        (ONE, ADDED),
        (ONE, scheduled(now, "added")),
        *((ONE, each) for each in settings),
    ):
        life.fold(subject, event)
    life.sync(new=9)
    return life


def daily(hour, days, first=0, minutes=(0, 3, -2, 1)):
    """Something new each day at that hour, give or take some minutes."""
    return [
        MIDNIGHT + (first + n) * DAY + hour * HOUR + minutes[n % len(minutes)] * 60 * SECOND
        for n in range(days)
    ]
