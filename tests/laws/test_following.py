"""Does an agenda that followed a whole life offer what one made anew from the same world would?

If it did not, what fell due would wait for a restart.
"""

from datetime import timedelta

import pytest
from hypothesis import given, settings

from daemon import commands
from daemon.agenda import Agenda
from daemon.decide.turn import is_full
from daemon.scheduler import SETTINGS
from events.schema import RefreshIntended, SyncStarted
from tests.laws.test_journal import aimed, connected, opened
from tests.laws.test_starts import ruled

STARTS_MAX = 50  # in one instant, of three connections: more would be one that spins


class Follower:
    """A world, and an agenda that follows it as the scheduler's does."""

    def __init__(self):
        self.kept, _, self.clock = opened()
        self.agenda = Agenda(self.kept.world)
        self.kept.observe(self._observe)

    def _observe(self, recorded):
        known = self.kept.world.connections.get(recorded.subject)
        if isinstance(recorded.event, SETTINGS):
            for subject in self.kept.world.connections:
                self.agenda.rank_anew(subject, self.clock.now())
        if known is not None:
            self.agenda.note(recorded.subject, known)

    def start_due(self):
        for _ in range(STARTS_MAX):
            subject = None if is_full(self.kept.world) else self.agenda.pop(self.clock.now())
            if subject is None:
                return
            recorded = self.kept.execute(commands.Start(subject=subject))
            if not (recorded and isinstance(recorded[0].event, SyncStarted | RefreshIntended)):
                self.agenda.renew(subject)
            assert recorded, "what is offered may start, or is put off"
        raise AssertionError("one is offered again and again")

    def offered_anew(self):
        """What an agenda made now would have start, though this one has nothing left."""
        if is_full(self.kept.world):
            return None
        return Agenda(self.kept.world).pop(self.clock.now())


@pytest.mark.requirement("A4")
@given(ruled)
@settings(max_examples=300)
def test_nothing_that_is_due_waits_for_a_restart(life):
    follower = Follower()
    for minutes, command in [(0, command) for command in connected] + life:
        follower.clock.time += timedelta(minutes=minutes)
        if not isinstance(command, commands.Start):
            follower.kept.execute(aimed(command, follower.kept.world))
        follower.start_due()
        assert follower.offered_anew() is None
