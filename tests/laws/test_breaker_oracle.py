"""Does one connection's breaker do what `pybreaker`'s does, where they are meant to be alike?

They are alike in this: so many failures in a row open it, nothing goes out for the open time, then
trials do, a failed one opens it again, so many good ones close it. They differ in these, each on
purpose, and the settings here keep them out of the way:

- We also open on a rate, since most connections sync a few times a day: half of the last twenty
  syncs. The share is set to all of them here.
- We also count failed calls, within a window: a sync that hammers on a dead host stops at once.
  `pybreaker` knows no window; four failures a week apart and a fifth open it.
- What says nothing of the provider (a limit, a refused credential) counts for nothing with us. With
  `pybreaker`, what is excluded counts as a success: it breaks a row, and closes a half-open one.
- Ours latches: what was switched off for good (410), or opened by hand, never half-opens.
- A trial of ours is one that began after it opened. `pybreaker` holds a lock during the call, so
  that no call can outlive a state.
- A connection stands behind two breakers, its own and its provider's, which wants several
  connections failing; and a neighbour's success ends its wait. Here is one connection alone.
- The open time may double, and survives a clock that steps back.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from pybreaker import CircuitBreaker, CircuitBreakerError, CircuitMemoryStorage

from daemon import commands
from events.policy import Settings
from events.schema import SettingsSet, SyncRequested, SyncStarted
from events.terms import FailureClass
from projections import breaker
from tests.policy import transcript
from tests.policy.transcript import KNOWN, MINUTE, NOON, ONE, finish, lost

AGES = datetime.max.replace(tzinfo=NOON.tzinfo) - timedelta(days=1000)
EVENTS = 40  # enough to open and close it several times
PASSING = [each for each in FailureClass if each in {"network", "timeout", "server"}]

attempts = st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from(PASSING))
"""Whether it succeeds, how many minutes after the one before, and why it fails if it does."""


class FrozenStorage(CircuitMemoryStorage):
    """Tells `pybreaker` by a clock of ours whether its wait is over; it reads the host's."""

    def __init__(self, wait):
        super().__init__("closed")
        self.now, self.wait, self.opened = NOON, wait, None

    @property
    def opened_at(self):
        """Long ago where the wait is over, else in the far future."""
        over = self.opened is None or self.now >= self.opened + self.wait
        return datetime.min.replace(tzinfo=NOON.tzinfo) if over else AGES

    @opened_at.setter
    def opened_at(self, _):
        self.opened = self.now


class Theirs:
    def __init__(self, failures, successes, wait):
        self.storage = FrozenStorage(wait)
        self.breaker = CircuitBreaker(
            fail_max=failures,
            success_threshold=successes,
            reset_timeout=wait.total_seconds(),
            state_storage=self.storage,
        )

    def attempt(self, good, cause, now):
        """Whether it went out, and the state afterwards."""
        self.storage.now, went = now, []

        def call():
            went.append(True)
            if not good:
                raise ConnectionError(cause)

        with suppress(CircuitBreakerError, ConnectionError):
            self.breaker.call(call)
        return bool(went), self.state(now)

    def state(self, now):
        """An open one half-opens with the next call: it is so already for whoever asks."""
        self.storage.now = now
        found = self.breaker.current_state
        return "half-open" if found == "open" and self.storage.opened_at < NOON else found


class Ours:
    def __init__(self, failures, successes, wait):
        own = Settings(
            breaker_syncs_in_a_row=failures,
            breaker_syncs_share=1.0,
            breaker_successes=successes,
            breaker_open=wait,
        )
        self.at = transcript.given(*KNOWN, (ONE, SettingsSet(settings=own)))

    def attempt(self, good, cause, now):
        """The same, by way of a request, a start and an ending."""
        self.at.fold(ONE, SyncRequested(), now)
        went = self._do(commands.Start(subject=ONE), now)
        if went:
            sync = self.at.world.connections[ONE].run.sync
            how = finish(sync, "days") if good else finish(sync, failures=(lost(cause=cause),))
            self._do(how, now)
        return went, self.state(now)

    def _do(self, command, now):
        decided = self.at.when(command, now).decided
        for each in decided:
            self.at.fold(*each, now)
        return any(isinstance(event, SyncStarted) for _, event in decided)

    def state(self, now):
        return str(breaker.phase(self.at.world.connections[ONE].breaker, now))


@settings(max_examples=200)
@given(
    failures=st.integers(1, 5),
    successes=st.integers(1, 3),
    wait=st.integers(1, 5),
    attempts=st.lists(attempts, max_size=EVENTS),
)
def test_both_let_the_same_through_and_stand_alike_after_it(failures, successes, wait, attempts):
    theirs, ours = (each(failures, successes, wait * MINUTE) for each in (Theirs, Ours))
    now = NOON
    for good, minutes, cause in attempts:
        now += minutes * MINUTE
        assert ours.state(now) == theirs.state(now)
        assert ours.attempt(good, cause, now) == theirs.attempt(good, cause, now)


def test_the_sequences_reach_every_state():
    """Else they would agree on nothing much."""
    ours, minutes = Ours(2, 1, MINUTE), ((False, 0), (False, 1), (True, 1), (False, 2), (True, 3))
    assert [
        ours.attempt(good, FailureClass.SERVER, NOON + at * MINUTE) for good, at in minutes
    ] == [
        (True, "closed"),
        (True, "open"),
        (False, "open"),
        (True, "open"),
        (True, "closed"),
    ]
