"""How does a fleet of any size go through its due syncs, with a journal and an agenda but no loop?

Nothing waits here: the clock stands until it is set, and what is appended counts as written. So
what is measured is deciding, folding, encoding, and finding out who is next.
"""

import gc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from daemon import configuration
from daemon.agenda import Agenda
from daemon.commands import Finish, Start
from daemon.decide.rotation import GOLDEN
from daemon.journal import Journal
from events import schema, terms
from events.codec import Row
from events.envelope import Recorded
from events.policy import Settings
from events.writer import Listener
from projections import world as worlds
from projections.world import World

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
INTERVAL = timedelta(hours=6)
PROVIDERS = range(1, 11)
TENANT_HAS = 2  # connections
STREAMS = tuple(terms.StreamPolicy(name=name) for name in ("days", "sleep", "heart"))
OF_TENANTS = Settings(
    priority_order=("provider-3", "provider-1"),
    quiet_hours_start=time(1),
    quiet_hours_end=time(1),  # equal ones are none: the same syncs run as without settings
    timezone="Europe/Madrid",
    max_retry_attempts=5,
)
CALLS = tuple(
    terms.CallTotal(endpoint=f"/1/user/-/{each.name}.json", calls=2, bytes=9000, duration_ms=300)
    for each in STREAMS
)


class Still:
    """A clock that stands until it is set."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def drift(self) -> timedelta:
        return timedelta(0)

    def set(self, now: datetime) -> None:
        self._now = now


class Nowhere:
    """A log that forgets, and calls everything written at once."""

    def start(self, listener: Listener) -> None:
        self._listener = listener

    def append(self, rows: Sequence[Row]) -> None:
        self._listener.committed(rows[-1][0], b"")

    def hurry(self) -> None: ...

    def read(self, after: int, *, subject: int | None = None, limit: int = 0) -> list[Recorded]:
        return []

    def pick(self, numbers: Sequence[int]) -> list[Recorded]:
        return []

    def numbers(
        self, subject: int, *, after: int, upto: int, limit: int, latest: bool
    ) -> list[int]:
        return []

    def count_types(self) -> dict[str, int]:
        return {}

    def block_of(self, seq: int) -> bytes | None:
        return b""

    def replay(self, after: int = 0) -> Iterator[Recorded]:
        return iter(())

    def close(self) -> None: ...


class Host:
    """A journal over a world, and the agenda that follows it."""

    def __init__(self, world: World, now: datetime = BEGIN) -> None:
        self.clock = Still(now)
        log = Nowhere()
        self.journal = Journal(log, world, self.clock)
        log.start(self.journal)
        self.agenda = Agenda(world)
        self.journal.observe(self._observe)
        gc.freeze()  # as a daemon does after its replay

    def pass_turns(self, count: int) -> None:
        """Let so many due syncs run, one after the other, each of them when it falls due."""
        for _ in range(count):
            self.pass_turn()

    def pass_turn(self) -> int:
        """Wait until somebody may start, start it, let it succeed; who it was."""
        subject = self.agenda.pop(self.clock.now())
        while subject is None:
            due = self.agenda.next_at(self.clock.now())
            assert due is not None, "a fleet always has somebody who is due next"
            self.clock.set(max(due, self.clock.now() + timedelta(microseconds=1)))
            subject = self.agenda.pop(self.clock.now())
        self.run(subject)
        return subject

    def run(self, subject: int, *failures: terms.StreamFailure) -> list[Recorded]:
        """Start a sync, and end it in the same instant."""
        started, *_ = self.journal.execute(Start(subject=subject))
        assert isinstance(started.event, schema.SyncStarted), "what was popped can start"
        return self.journal.execute(finished(subject, started.seq, *failures))

    def _observe(self, recorded: Recorded) -> None:
        connection = self.journal.world.connections.get(recorded.subject)
        if connection is not None:
            self.agenda.note(recorded.subject, connection)


def finished(subject: int, sync: int, *failures: terms.StreamFailure) -> Finish:
    """All streams came, or, if any failed, none did."""
    return Finish(
        subject=subject,
        sync=sync,
        duration_ms=2000,
        captured=() if failures else tuple(each.name for each in STREAMS),
        records=0 if failures else 300,
        failures=failures,
        calls=CALLS,
        jitter=0.5,
    )


def fleet(connections: int, *, scoped: bool = False) -> World:
    """A world of so many connections, evenly due over one interval; with settings a tenant."""
    world = World()
    for seq, (subject, event) in enumerate(_past(connections, scoped=scoped), 1):
        worlds.fold(world, Recorded(seq=seq, at=BEGIN, subject=subject, event=event))
    return world


def subjects(connections: int) -> range:
    """The connections of a fleet of that size."""
    first = PROVIDERS[-1] + 1 + connections // TENANT_HAS + 1
    return range(first, first + connections)


def provider_of(subject: int) -> int:
    return PROVIDERS[subject % len(PROVIDERS)]


def _past(connections: int, *, scoped: bool) -> Iterator[tuple[int, schema.Event]]:
    yield schema.FLEET, configuration.policy(configuration.Settings())
    for provider in PROVIDERS:
        name = f"provider-{provider}"
        yield provider, schema.ProviderDeclared(name=name, digest=name, streams=STREAMS)
    if scoped:
        for subject in (schema.FLEET, *PROVIDERS):
            yield subject, schema.SettingsDeclared(settings=Settings(retry_budget=0.25))
    for count, subject in enumerate(subjects(connections)):
        tenant = PROVIDERS[-1] + 1 + count // TENANT_HAS
        yield subject, schema.ConnectionAdded(tenant=tenant, provider=provider_of(subject))
        if scoped and not count % TENANT_HAS:
            yield tenant, schema.SettingsDeclared(settings=OF_TENANTS)
        yield subject, schema.SyncScheduled(due=due(subject), reason=terms.ScheduleReason.ADDED)


def due(subject: int) -> datetime:
    return BEGIN + INTERVAL * (subject * GOLDEN % 1)
