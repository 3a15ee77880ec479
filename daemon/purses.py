"""What is left of the allowance that was taken, and may a call leave on it?

A block is allowance for some calls, durable before the first of them leaves. What is left of it is
kept in memory for the next ones, until it expires; a crash uses it up.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import trio
from msgspec import Struct

from daemon.changes import OF_OPENINGS
from daemon.commands import NoteSteps, ProgramCall, Recount, TakeAllowance
from daemon.decide import accounts, limits
from daemon.decide.accounts import Account
from daemon.journal import Journal
from daemon.steps import Steps
from events.envelope import Recorded
from events.gateway import CallerAllowanceTaken
from events.limits import AllowanceTaken, Scope
from events.schema import ConnectionRelinked
from projections import allowance
from projections.callers import Called
from projections.window import Moment

BLOCKS_MAX = 4096  # in memory; the one taken first is given up, since it counts as used anyway
READY_MAX = 4096  # of whom is remembered on which blocks the next call goes
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


class Purse(Struct, frozen=True, kw_only=True):
    """Whose allowance a call goes on, and which.

    A provider's and a connection's is for reads and for the rest apart; a tenant's for what its
    programs call, up to so many `calls` a minute.
    """

    subject: int
    reads: bool = False
    called: Called | None = None
    calls: int = 0


class Closed(Struct, frozen=True, kw_only=True):
    """Nothing may leave of this purse for so long."""

    purse: Purse
    wait: timedelta


class Asking(Struct, frozen=True, kw_only=True):
    """For whom is asked: a call of this connection, maybe of a program."""

    subject: int
    reads: bool
    program: ProgramCall | None = None


class _Ready(Struct, frozen=True, kw_only=True, eq=False):
    """The blocks on which the next call goes while they are good; `own` is its tenant's purse."""

    blocks: tuple[Block, ...]
    own: Purse | None


class Purses:
    """All that is left, by whose it is."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._steps = Steps(journal.clock, journal.world.fleet.ahead)
        self._blocks: dict[Purse, Block] = {}
        self._ready: dict[Asking, _Ready] = {}
        journal.observe(self._observe)

    def _observe(self, recorded: Recorded) -> None:
        """What was taken of another provider's limits is of no use at the next one."""
        if type(recorded.event) in OF_OPENINGS:
            self._ready.clear()
        if isinstance(recorded.event, ConnectionRelinked):
            for reads in (True, False):
                self._blocks.pop(Purse(subject=recorded.subject, reads=reads), None)

    def ahead(self) -> timedelta:
        """By how much steps have put the wall clock ahead of the steady time.

        It is recorded: the next life goes on from there. A step forward that no life saw is taken
        for time that passed.
        """
        ahead = self._steps.ahead()
        if ahead != self._journal.world.fleet.ahead:
            self._journal.execute(NoteSteps(ahead=ahead))
        return ahead

    def spend(self, asking: Asking, *, more: int, alike: int = 1) -> list[Block] | Closed:
        """Let one call go: the blocks that it goes on, or whose allowance there is none of.

        `more` is how many calls wait, this one included: a block is taken for them too. `alike` of
        them are programs' calls that go on the same purse.
        """
        closed = self.closed(asking)
        if closed and self.recounted(asking):
            closed = self.closed(asking)
        return closed or self._spent(asking, more, alike)

    def spend_left(
        self, asking: Asking, expects: Callable[[Purse], bool]
    ) -> Sequence[Block] | None:
        """Let one call go on what was taken for others, if that is on disk: on which; None: no.

        What somebody `expects` of a tenant's purse is theirs.
        """
        self.ahead()  # which forgets who is ready, if the clock stepped
        ready = self._ready.get(asking) or self._look_up(asking)
        if ready is None:
            return None
        wall, durable = self._journal.clock.now(), self._journal.head.seq
        for block in ready.blocks:
            if not block.left or not block.is_good(wall) or block.recorded[-1].seq > durable:
                self._ready.pop(asking, None)
                return None
        if ready.own is not None and expects(ready.own):
            return None
        for block in ready.blocks:
            block.left -= 1
        return ready.blocks

    def _look_up(self, asking: Asking) -> _Ready | None:
        """Find what a call goes on; None where there is nothing, or something holds it.

        It stays the same until it is used up, or something of OF_OPENINGS happens.
        """
        moment, blocks, own = self._moment(), list[Block](), None
        for account in self._accounts(asking, moment):
            if allowance.held_for(account.allowance, moment):
                return None
            if not account.policies:
                continue
            purse = _purse(account, asking)
            block = self._blocks.get(purse)
            if block is None:
                return None
            own = purse if account.scope is None else own
            blocks.append(block)
        if len(self._ready) >= READY_MAX:
            self._ready.clear()
        ready = self._ready[asking] = _Ready(blocks=tuple(blocks), own=own)
        return ready

    def force(self, subject: int, *, reads: bool) -> list[Recorded]:
        """Let one call go whatever the limits say: what is to be durable first."""
        wish = TakeAllowance(subject=subject, reads=reads, forced=True, ahead=self.ahead())
        return self._journal.execute(wish)

    def closed(self, asking: Asking) -> Closed | None:
        """Whose allowance there is none of; None where a call may leave now."""
        moment = self._moment()
        for account in self._accounts(asking, moment):
            if account.policies and not self._has_some(account, moment, asking):
                wait = accounts.opens_in(account, moment)
            else:
                wait = allowance.held_for(account.allowance, moment)
            if wait:
                return Closed(purse=_purse(account, asking), wait=wait)
        return None

    def of_program(self, asking: Asking) -> Purse | None:
        """The tenant's purse that a program's call goes on; None for a sync's."""
        if asking.program is None:
            return None
        account = self._program_account(asking, self._moment())
        return _purse(account, asking)

    def comes_in(self, asking: Asking, before: int) -> timedelta:
        """After how long a program's call leaves before which so many go on the same purse."""
        moment = self._moment()
        account = self._program_account(asking, moment)
        left = 0
        if self._has_some(account, moment, asking):
            left = self._blocks[_purse(account, asking)].left
        return accounts.comes_in(account, moment, before - left) if before >= left else timedelta()

    def recounted(self, asking: Asking) -> bool:
        """Whether it was for a clock that stepped back that a call has to wait."""
        return bool(self._journal.execute(Recount(subject=asking.subject, ahead=self.ahead())))

    def may_leave(self, subject: int, blocks: Sequence[Block]) -> bool:
        """Whether what was spent is still good: a commit takes its time, and a hold may come."""
        moment = self._moment()
        both = accounts.accounts(self._journal.world, subject, reads=True)
        held = any(allowance.held_for(each.allowance, moment) for each in both)
        return not held and all(each.is_good(moment.wall) for each in blocks)

    def _moment(self) -> Moment:
        self.ahead()
        return self._journal.moment()

    def _accounts(self, asking: Asking, moment: Moment) -> tuple[Account, ...]:
        world, program = self._journal.world, asking.program
        return accounts.asked(world, asking.subject, moment, reads=asking.reads, program=program)

    def _program_account(self, asking: Asking, moment: Moment) -> Account:
        assert asking.program is not None, "a sync's call is asked of no tenant"
        known = self._journal.world.connections[asking.subject]
        return accounts.of_program(self._journal.world, known, asking.program, moment)

    def _has_some(self, account: Account, moment: Moment, asking: Asking) -> bool:
        block = self._blocks.get(_purse(account, asking))
        return block is not None and block.left > 0 and block.is_good(moment.wall)

    def _spent(self, asking: Asking, more: int, alike: int) -> list[Block] | Closed:
        moment = self._moment()
        counting = [each for each in self._accounts(asking, moment) if each.policies]
        lacking = [each for each in counting if not self._has_some(each, moment, asking)]
        wanted = {each.scope: self._wanted(each, moment, asking, more, alike) for each in lacking}
        owned = [self._blocks[_purse(each, asking)] for each in counting if each not in lacking]
        purses = [_purse(each, asking) for each in lacking]
        taken = self._take(asking, purses, wanted) if lacking else []
        if lacking and not taken:
            return Closed(purse=purses[0], wait=AGAIN)
        blocks = [*owned, *taken]
        for block in blocks:
            block.left -= 1
        return blocks

    def _wanted(
        self, account: Account, moment: Moment, asking: Asking, more: int, alike: int
    ) -> int:
        """Twice the last block where that was used up before its time, else what was used of it.

        So a busy account takes few large blocks, and a quiet one wastes little of its limit. A
        program's wastes none once half of its window is used: whoever comes later then may have
        been told when.
        """
        if account.scope is None:
            if 2 * limits.room(account, moment) < account.policies[0].calls:
                return alike
            more = alike
        last, want = self._blocks.get(_purse(account, asking)), 1
        if last is not None:
            want = 2 * last.calls if last.is_good(moment.wall) else last.calls - last.left
        return min(limits.BLOCK_MAX, max(more, want, 1))

    def _take(
        self, asking: Asking, purses: list[Purse], wanted: dict[Scope | None, int]
    ) -> list[Block]:
        recorded = self._journal.execute(
            TakeAllowance(
                subject=asking.subject,
                reads=asking.reads,
                application=wanted.get(Scope.APPLICATION, 0),
                own=wanted.get(Scope.CONNECTION, 0),
                program=asking.program,
                callers=wanted.get(None, 0),
                ahead=self.ahead(),
            )
        )
        return [self._keep(*each) for each in zip(purses, recorded, strict=True)]

    def _keep(self, key: Purse, recorded: Recorded) -> Block:
        """Remember a block; where there are too many, one that is forgotten counts as used."""
        taken = recorded.event
        assert isinstance(taken, AllowanceTaken | CallerAllowanceTaken), "it is taken, or it is not"
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


def _purse(account: Account, asking: Asking) -> Purse:
    if account.called is None:
        return Purse(subject=account.subject, reads=asking.reads)
    (limit,) = account.policies
    return Purse(subject=account.subject, called=account.called, calls=limit.calls)
