"""What is left of the allowance that was taken, and may a call leave on it?

A block is allowance for some calls, durable before the first of them leaves. What is left of it is
kept in memory for the next ones, until it expires; a crash uses it up.
"""

from datetime import datetime, timedelta

import trio
from msgspec import Struct

from daemon.clock import Clock
from daemon.commands import NoteSteps, Recount, TakeAllowance
from daemon.decide import limits
from daemon.decide.limits import Account
from daemon.journal import Journal
from events.envelope import Recorded
from events.limits import AllowanceTaken, Scope
from events.schema import ConnectionRelinked
from projections import allowance
from projections.window import EPOCH, Moment

BLOCKS_MAX = 4096  # in memory; the one taken first is given up, since it counts as used anyway
DRIFT_TOLERATED = timedelta(seconds=0.1)  # two clocks that are read one after the other differ
AGAIN = timedelta(milliseconds=10)  # the clock moved between asking and taking: ask once more


class Block(Struct, kw_only=True, eq=False):
    """Of `calls` that were taken `left` may leave: between these readings of both clocks."""

    recorded: list[Recorded]
    calls: int
    left: int
    since: datetime
    until: datetime
    expires: float

    def is_good(self, wall: datetime) -> bool:
        return self.since <= wall < self.until and trio.current_time() < self.expires


class Closed(Struct, frozen=True, kw_only=True):
    """Nothing may leave of this subject's allowance for so long."""

    subject: int
    wait: timedelta


class Purses:
    """All that is left, by whose it is, for reads and for the rest apart."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._steps = _Steps(journal.clock, journal.world.fleet.ahead)
        self._blocks: dict[tuple[int, bool], Block] = {}
        journal.observe(self._observe)

    def _observe(self, recorded: Recorded) -> None:
        """What was taken of another provider's limits is of no use at the next one."""
        if isinstance(recorded.event, ConnectionRelinked):
            for reads in (True, False):
                self._blocks.pop((recorded.subject, reads), None)

    def ahead(self) -> timedelta:
        """By how much steps have put the wall clock ahead of the steady time.

        It is recorded: the next life goes on from there. A step forward that no life saw is taken
        for time that passed.
        """
        ahead = self._steps.ahead()
        if ahead != self._journal.world.fleet.ahead:
            self._journal.execute(NoteSteps(ahead=ahead))
        return ahead

    def spend(self, subject: int, *, reads: bool, more: int) -> list[Block] | Closed:
        """Let one call go: the blocks that it goes on, or whose allowance there is none of.

        `more` is how many calls wait, this one included: a block is taken for them too.
        """
        closed = self.closed(subject, reads=reads)
        if closed and self._journal.execute(Recount(subject=subject, ahead=self.ahead())):
            closed = self.closed(subject, reads=reads)
        return closed or self._spent(subject, reads=reads, more=more)

    def force(self, subject: int, *, reads: bool) -> list[Recorded]:
        """Let one call go whatever the limits say: what is to be durable first."""
        wish = TakeAllowance(subject=subject, reads=reads, forced=True, ahead=self.ahead())
        return self._journal.execute(wish)

    def closed(self, subject: int, *, reads: bool) -> Closed | None:
        """Whose allowance there is none of; None where a call may leave now."""
        moment = self._moment()
        for account in limits.accounts(self._journal.world, subject, reads=reads):
            if account.policies and not self._has_some(account, moment, reads=reads):
                wait = limits.opens_in(account, moment)
            else:
                wait = allowance.held_for(account.allowance, moment)
            if wait:
                return Closed(subject=account.subject, wait=wait)
        return None

    def may_leave(self, subject: int, blocks: list[Block]) -> bool:
        """Whether what was spent is still good: a commit takes its time, and a hold may come."""
        moment = self._moment()
        both = limits.accounts(self._journal.world, subject, reads=True)
        held = any(allowance.held_for(each.allowance, moment) for each in both)
        return not held and all(each.is_good(moment.wall) for each in blocks)

    def _moment(self) -> Moment:
        return Moment(wall=self._journal.clock.now(), ahead=self.ahead())

    def _has_some(self, account: Account, moment: Moment, *, reads: bool) -> bool:
        block = self._blocks.get((account.subject, reads))
        return block is not None and block.left > 0 and block.is_good(moment.wall)

    def _spent(self, subject: int, *, reads: bool, more: int) -> list[Block] | Closed:
        moment, both = self._moment(), limits.accounts(self._journal.world, subject, reads=reads)
        counting = [each for each in both if each.policies]
        lacking = [each for each in counting if not self._has_some(each, moment, reads=reads)]
        wanted = {each.scope: self._wanted(each, moment, reads, more) for each in lacking}
        owned = [self._blocks[each.subject, reads] for each in counting if each not in lacking]
        taken = self._take(subject, wanted, reads=reads) if lacking else []
        if lacking and not taken:
            return Closed(subject=lacking[0].subject, wait=AGAIN)
        blocks = [*owned, *taken]
        for block in blocks:
            block.left -= 1
        return blocks

    def _wanted(self, account: Account, moment: Moment, reads: bool, more: int) -> int:
        """Twice the last block where that was used up before its time, else what was used of it.

        So a busy account takes few large blocks, and a quiet one wastes little of its limit.
        """
        last, want = self._blocks.get((account.subject, reads)), 1
        if last is not None:
            want = 2 * last.calls if last.is_good(moment.wall) else last.calls - last.left
        return min(limits.BLOCK_MAX, max(more, want, 1))

    def _take(self, subject: int, wanted: dict[Scope, int], *, reads: bool) -> list[Block]:
        recorded = self._journal.execute(
            TakeAllowance(
                subject=subject,
                reads=reads,
                application=wanted.get(Scope.APPLICATION, 0),
                own=wanted.get(Scope.CONNECTION, 0),
                ahead=self.ahead(),
            )
        )
        return [self._keep((each.subject, reads), each) for each in recorded]

    def _keep(self, key: tuple[int, bool], recorded: Recorded) -> Block:
        """Remember a block; where there are too many, one that is forgotten counts as used."""
        taken = recorded.event
        assert isinstance(taken, AllowanceTaken), "allowance is taken, or it is not"
        self._blocks.pop(key, None)
        block = self._blocks[key] = Block(
            recorded=[recorded],
            calls=taken.calls,
            left=taken.calls,
            since=recorded.at,
            until=taken.until,
            expires=trio.current_time() + (taken.until - recorded.at).total_seconds(),
        )
        if len(self._blocks) > BLOCKS_MAX:
            del self._blocks[next(iter(self._blocks))]
        return block


class _Steps:
    """How far the wall clock has stepped from Trio's, which never does, since the first life."""

    def __init__(self, clock: Clock, ahead: timedelta) -> None:
        self._clock = clock
        self._ahead = ahead
        self._apart = self._measure()

    def ahead(self) -> timedelta:
        apart = self._measure()
        if abs(apart - self._apart) > DRIFT_TOLERATED:
            self._ahead += apart - self._apart
            self._apart = apart
        return self._ahead

    def _measure(self) -> timedelta:
        return self._clock.now() - EPOCH - timedelta(seconds=trio.current_time())
