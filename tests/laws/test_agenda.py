"""The agenda's heaps against a model that scans all connections."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import replace

from daemon.agenda import Agenda
from daemon.decide.turn import NEVER, opens_at, rank
from events.breakers import BreakerReason
from projections.breaker import Breaker
from projections.connection import Connection, next_start
from projections.health import Health
from projections.provider import Provider
from projections.schedule import Request, Schedule
from projections.world import World

START = datetime(2026, 5, 4, tzinfo=UTC)
SUBJECTS, PROVIDERS = 6, 2
SPAN_MINUTES = 24 * 60  # less than the seven days after which a success is stale

minutes = st.integers(0, SPAN_MINUTES)
subjects = st.integers(1, SUBJECTS)
instants = minutes.map(lambda count: START + timedelta(minutes=count))
schedules = st.builds(
    Schedule,
    due=st.none() | instants,
    request=st.none() | st.builds(Request, seq=st.just(1), at=instants),
    rest_until=st.none() | instants,
)
healths = st.sampled_from(
    [
        Health(),
        Health(total=10, successful=10, last_success=START),
        Health(total=10, successful=7, last_success=START),
        Health(total=10, successful=5, last_success=START),
        Health(total=1, failed=1),
    ]
)


class AgainstAScan(RuleBasedStateMachine):
    """`given` holds what was popped and has not moved on since."""

    @initialize(first=st.lists(st.tuples(schedules, healths), min_size=SUBJECTS, max_size=SUBJECTS))
    def begin(self, first):
        self.world = World()
        for subject, (schedule, health) in enumerate(first, 1):
            self.world.connections[subject] = Connection(
                tenant=100, provider=200 + subject % PROVIDERS, schedule=schedule, health=health
            )
            self.world.providers[200 + subject % PROVIDERS] = Provider()
        self.agenda = Agenda(self.world)
        self.given: set[int] = set()

    @rule(subject=subjects, schedule=schedules)
    def plan(self, subject, schedule):
        """Whatever an event does to a schedule: a new due time, a request, a rest, none of them."""
        self._note(subject, schedule=schedule)

    @rule(subject=subjects, paused=st.booleans(), removed=st.booleans())
    def keep_back(self, subject, paused, removed):
        self._note(subject, paused=paused, removed=removed)

    @rule(subject=subjects, schedule=schedules, health=healths)
    def run_a_sync(self, subject, schedule, health):
        """Start it and end it: in between, it has no next start."""
        self._note(subject, paused=True)
        self._note(subject, paused=False, schedule=schedule, health=health)

    @rule(subject=subjects, provider=st.integers(0, PROVIDERS - 1), schedule=schedules)
    def come_back_at_another_provider(self, subject, provider, schedule):
        self._note(subject, removed=True)
        self._note(subject, removed=False, provider=200 + provider, schedule=schedule)

    @rule(subject=subjects, provider=st.integers(0, PROVIDERS - 1), schedule=st.none() | schedules)
    def relink(self, subject, provider, schedule):
        """It moves to another provider in one step, perhaps due when it was due there."""
        known = self.world.connections[subject]
        self._note(subject, provider=200 + provider, schedule=schedule or known.schedule)

    @rule(
        provider=st.integers(0, PROVIDERS - 1),
        reason=st.none() | st.just(BreakerReason.CALLS),
        until=st.none() | instants,
    )
    def move_a_breaker(self, provider, reason, until):
        """While its breaker is open, nothing of a provider starts."""
        breaker = Breaker(reason=reason, until=until if reason else None)
        self.world.providers[200 + provider] = Provider(breaker=breaker)

    @rule(now=instants)
    def pop_one(self, now):
        """Time moves as it likes: forward, and back."""
        expected = min(self._due(now), default=None)
        subject = self.agenda.pop(now)
        assert subject == (expected[-1] if expected else None)
        if subject is not None:
            self.given.add(subject)

    @rule(now=instants)
    def pop_all(self, now):
        expected = [rank[-1] for rank in sorted(self._due(now))]
        popped = drained(self.agenda, now)
        assert popped == expected
        self.given |= {*popped}
        later = [max(at, opens) for at, opens in self._coming(now) if max(at, opens) > now]
        first = min((at for at in later if at < NEVER), default=None)
        wakes = self.agenda.next_at(now)
        if any(opens > now for _, opens in self._coming(now)):  # it may wake for what is shut
            assert first is None or now < wakes <= first
        else:
            assert wakes == first

    @rule(now=instants, limit=st.integers(0, 3))
    def admit_some(self, now, limit):
        """Who is ranked before it is asked for stands where it would have."""
        self.agenda.admit(now, limit)

    @rule(subject=subjects, now=instants)
    def set_settings(self, subject, now):
        """Whoever stands anew stands where it did, if nothing changed but settings."""
        if subject not in self.given:
            self.agenda.rank_anew(subject, now)

    @rule(data=st.data())
    def renew_one(self, data):
        """One that was popped and could not be started comes again."""
        if self.given:
            subject = data.draw(st.sampled_from(sorted(self.given)))
            self.agenda.renew(subject)
            self.given.discard(subject)

    def _note(self, subject, **changes):
        before = self.world.connections[subject]
        after = replace(before, **changes)
        self.world.connections[subject] = after
        moved = self.agenda.note(subject, after)
        assert moved == (self._start(before) != self._start(after))
        if moved:
            self.given.discard(subject)

    def _start(self, connection):
        at = next_start(connection)
        asked = connection.schedule.request
        forced = asked is not None and asked.forced
        return None if at is None else (at, asked is None, forced, connection.provider)

    def _waiting(self):
        for subject, connection in self.world.connections.items():
            at = next_start(connection)
            if at is not None and subject not in self.given:
                yield subject, at

    def _due(self, now):
        for subject, at in self._waiting():
            provider = self.world.connections[subject].provider
            if at <= now and opens_at(self.world, provider, now) is None:
                yield rank(self.world, subject, now), at, subject

    def _coming(self, now):
        """When each falls due, and from when on its provider lets something start."""
        for subject, at in self._waiting():
            opens = opens_at(self.world, self.world.connections[subject].provider, now)
            yield at, opens or now


class TestAgainstAScan(AgainstAScan.TestCase):
    """Pop and next_at agree with the scan, whatever happened, and nothing stale comes back."""


@given(st.lists(st.tuples(schedules, healths), max_size=SUBJECTS), instants)
def test_an_agenda_made_anew_after_a_restart_gives_the_same(first, now):
    world = World(providers={200: Provider()})
    followed = Agenda(world)
    for subject, (schedule, health) in enumerate(first, 1):
        connection = Connection(tenant=100, provider=200, schedule=schedule, health=health)
        world.connections[subject] = connection
        followed.note(subject, connection)
    anew = Agenda(world)
    assert drained(followed, now) == drained(anew, now)
    assert followed.next_at(now) == anew.next_at(now)


def drained(agenda, now):
    return list(iter(lambda: agenda.pop(now), None))
