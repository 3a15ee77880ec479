"""What happens to connections of one provider, sync by sync, and what to their breakers?"""

from msgspec.structs import replace

from daemon import commands
from events import schema, terms
from events.breakers import BreakerReason
from events.policy import Settings
from events.schema import (
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReset,
    SettingsSet,
)
from events.terms import FailureClass
from projections import breaker
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    NOON,
    ONE,
    OTHER,
    PROVIDER,
    SECOND,
    finish,
    given,
    lost,
    started,
)

BREAKING = (BreakerOpened, BreakerProbed, BreakerEased, BreakerClosed, BreakerReset)
BY = terms.Caller(uid=1000, role="admin")
START = commands.Start(subject=ONE)
SILENT = (FailureClass.RATE_LIMITED, FailureClass.AUTH, FailureClass.INVALID, FailureClass.EMPTY)
"""Neither a failure of the provider, nor a success."""


def settings(subject=0, **given_):
    return (subject, SettingsSet(settings=Settings(**given_)))


def sync_of(world, subject):
    return world.connections[subject].run.sync


def call(sync, cause=FailureClass.SERVER):
    return schema.CallFailed(
        sync=sync, stream="days", endpoint="GET /days", method="GET", cause=cause
    )


class Life:
    """What happens to a provider's connections, one sync after the other, and their breakers."""

    def __init__(self, *past, connections=(ONE,)):
        self.at = given((PROVIDER, DECLARED), *((each, ADDED) for each in connections), *past)

    def start(self, subject=ONE, **more):
        self.at.fold(subject, started(**more))

    def _do(self, command, now):
        decided = self.at.when(command, now).decided
        for each in decided:
            self.at.fold(*each, now)
        return [each for each in decided if isinstance(each[1], BREAKING)]

    def call(self, cause=FailureClass.SERVER, subject=ONE, now=NOON):
        """A call of the sync that runs fails; what it does to breakers."""
        lost_call = call(sync_of(self.at.world, subject), cause)
        return self._do(commands.NoteCall(subject=subject, call=lost_call), now)

    def end(self, *causes, subject=ONE, now=NOON):
        """The sync that runs fails for these, or succeeds; what it does to breakers."""
        failures = tuple(lost(cause=each) for each in causes)
        run = sync_of(self.at.world, subject)
        return self._do(
            replace(
                finish(run, *(() if causes else ("days",)), failures=failures), subject=subject
            ),
            now,
        )

    def sync(self, *causes, subject=ONE, now=NOON):
        """A whole sync that fails for these, or succeeds; what it does to breakers."""
        self.start(subject)
        return self.end(*causes, subject=subject, now=now)

    def sync_each(self, word, subject=ONE, now=NOON):
        """`-` for a failed sync, `+` for a good one, `.` for one that was refused."""
        causes = {"-": (FailureClass.SERVER,), "+": (), ".": (FailureClass.AUTH,)}
        return [
            event for each in word for event in self.sync(*causes[each], subject=subject, now=now)
        ]

    def phase(self, subject=ONE, now=NOON):
        world = self.at.world
        of = world.connections.get(subject) or world.providers[subject]
        return breaker.phase(of.breaker, now)


def opened(reason=BreakerReason.CALLS, failures=5, wait=30 * SECOND, now=NOON, **more):
    cause = more.pop("cause", FailureClass.SERVER)
    return BreakerOpened(reason=reason, until=now + wait, failures=failures, cause=cause, **more)


OPEN = opened()
"""Until half a minute past noon."""
BY_HAND = BreakerOpened(reason=BreakerReason.BY_HAND, until=None, by=BY)
GONE = FailureClass.RETIRED
LATCHED = BreakerOpened(reason=BreakerReason.RETIRED, until=None, failures=1, cause=GONE)
MANY = (ONE, OTHER, 5, 6)

LATER = NOON + 30 * SECOND
"""It has waited: the next sync is its probe."""


def waited(*more, connections=(ONE,)):
    return Life((ONE, OPEN), *more, connections=connections)


def by_syncs(failures, **more):
    return (ONE, opened(BreakerReason.SYNCS, failures, **more))
