"""Which calls leave a host whose daemon keeps to limits, and when?

One provider with some connections; its lives share a disk and end by being killed. What leaves is
noted by Trio's clock, which never steps, and by the wall clock.
"""

from collections import Counter, defaultdict
from contextlib import asynccontextmanager
from datetime import timedelta

import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon.clock import TrioClock
from daemon.commands import Connect, DeclareProvider, ProgramCall, SetSettings
from daemon.exchange import CallLost
from daemon.journal import Journal
from daemon.limiter import Limiter
from events.codec import decode
from events.gateway import CallerAllowanceTaken
from events.limits import AllowanceTaken, LimitPolicy, Scope, Span, WindowKind
from events.policy import Settings
from events.schema import FLEET
from projections import world as worlds
from projections.world import World
from tests.conversations.haste import Prompt
from tests.fakes.memory_log import Disk, MemoryLog
from tests.policy.transcript import DECLARED, NOON, ONE, OTHER, PROVIDER, TENANT

SUBJECTS = (ONE, OTHER)


def sliding(calls, per_s, scope=Scope.APPLICATION, **more):
    return LimitPolicy(calls=calls, span=Span(per=timedelta(seconds=per_s), **more), scope=scope)


def aligned(calls, per_s, scope=Scope.APPLICATION, **more):
    return sliding(calls, per_s, scope, kind=WindowKind.ALIGNED, **more)


class Left(Struct, frozen=True, kw_only=True):
    """A call that left: so many seconds after the start, when the wall clock said so."""

    after: float
    wall: float
    subject: int
    reads: bool
    name: object
    program: ProgramCall | None = None


class Host:
    def __init__(self, *policies, dice=None):
        self.policies = policies
        self.clock = TrioClock(NOON)
        self.disk = Disk()
        self.dice = dice or Prompt()
        self.began = trio.current_time()
        self.left = []
        self.refused = []
        self.settings = Settings()
        self.tenants = dict.fromkeys(SUBJECTS, TENANT)
        self._read = []
        self._unused = Counter()

    @property
    def after(self):
        """Seconds since the start, to a millisecond."""
        return round(trio.current_time() - self.began, 3)

    def events(self, shape):
        """What was recorded of this shape, and is on disk."""
        return [event for row in self.disk.rows if isinstance(event := decode(row).event, shape)]

    @asynccontextmanager
    async def life(self):
        """One life, until it is killed."""
        async with trio.open_nursery() as nursery:
            log, world = MemoryLog(self.disk, nursery, self.dice), World()
            for recorded in log.replay():
                worlds.fold(world, recorded)
            self.journal = Journal(log, world, self.clock)
            log.start(self.journal)
            declared = replace(DECLARED, limits=self.policies)
            self.journal.execute(DeclareProvider(subject=PROVIDER, declaration=declared))
            for subject in SUBJECTS:
                tenant = self.tenants[subject]
                wish = Connect(subject=subject, tenant=tenant, provider=PROVIDER)
                recorded = self.journal.execute(wish)
            self.set(self.settings)
            await self.journal.durable(recorded)
            self.limiter = Limiter(self.journal)
            nursery.start_soon(self.limiter.run)
            yield nursery
            log.kill()
            nursery.cancel_scope.cancel()

    def set(self, settings, subject=FLEET):
        self.journal.execute(SetSettings(subject=subject, settings=settings))

    async def call(
        self, subject=ONE, *, reads=True, priority=5, lasts_s=0.0, name=None, **patience
    ):
        """Make one call; what becomes of it is noted, and its loss returned, if it is lost."""
        asked = self.after
        try:
            async with self.limiter.place(subject, reads=reads, priority=priority, **patience):
                self._leaves(subject, reads, name, patience.get("program"))
                await trio.sleep(lasts_s)
        except CallLost as lost:
            self.refused.append((name, round(self.after - asked, 3), lost))
            return lost
        return None

    def _leaves(self, subject, reads, name, program):
        self.left.append(
            Left(
                after=trio.current_time() - self.began,
                wall=self.clock.now().timestamp(),
                subject=subject,
                reads=reads,
                name=name,
                program=program,
            )
        )
        self._check_licence()

    def counted(self, policy):
        """The calls that count in this limit: of the provider, or of each connection by itself."""
        counting = [each for each in self.left if each.reads or not policy.span.reads_only]
        if policy.scope is Scope.APPLICATION:
            return {PROVIDER: counting}
        return {one: [each for each in counting if each.subject == one] for one in SUBJECTS}

    def _check_licence(self):
        """Every call that has left goes on a block that was on disk before."""
        new = [decode(row) for row in self.disk.rows[len(self._read) :]]
        self._read += new
        for policy in self.policies:
            for account, left in self.counted(policy).items():
                blocks = [
                    each.event.calls
                    for each in self._read
                    if each.subject == account
                    and isinstance(each.event, AllowanceTaken)
                    and policy.span in each.event.spans
                ]
                assert sum(blocks) >= len(left), "a call leaves on durable allowance alone"
        for each in new:
            match each.event:
                case CallerAllowanceTaken(endpoint=endpoint, kind=kind, calls=calls):
                    self._unused[each.subject, endpoint, kind] += calls
        last = self.left[-1]
        if last.program is not None:
            self._unused[self._called(last)] -= 1
            assert self._unused[self._called(last)] >= 0, "a program's call does, too"

    def programs(self):
        """The programs' calls that left, by what is counted together."""
        found = defaultdict(list)
        for each in self.left:
            if each.program is not None:
                found[self._called(each)].append(each)
        return found

    def _called(self, left):
        return self.tenants[left.subject], left.program.endpoint, left.program.kind

    @property
    def names(self):
        return [each.name for each in self.left]

    def times(self, digits=0):
        return [round(each.after, digits) for each in self.left]
