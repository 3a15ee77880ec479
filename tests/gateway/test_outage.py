"""What do programs notice of a provider that is down for ten minutes (requirement E11)?"""

import random
from datetime import timedelta

import pytest
import trio
from msgspec import Struct

from daemon.exchange import CallLost
from daemon.gateway.asking import Wish
from daemon.gateway.call import HeldBack
from daemon.gateway.outbox import NotQueued, Queued
from events.breakers import BreakerClosed, BreakerOpened
from events.outbox import WriteDelivered, WriteQueued
from tests.fakes.in_process import EPOCH, play
from tests.gateway.programs import DOWN, KEY_HEADER, Programs

WARM_S = 60
DOWN_S = 600
AFTER_S = 120
EVERY_S = 0.25
WRITTEN_EVERY_S = 10
PATHS = tuple(f"/days/{number}" for number in range(20))
RECOVERED_S = WARM_S + DOWN_S
SECOND = timedelta(seconds=1)
PATIENCE_S = 5.0  # for a provider that hangs, until it is known to
OPEN_S = 30  # for so long a breaker stays open, by default
PROBES = 2  # successes that close it, by default
SLACK_S = 1.0
LATE_S = 60.0  # after the outage's end every write that waited has come within this
LATENCY_S = 0.01


class Read(Struct, frozen=True, kw_only=True):
    """So many seconds after the start, and what came of it; `age_s` is of a kept answer."""

    at: float
    took_s: float
    stale: bool = False
    age_s: float = 0.0
    failed: bool = False


class Outage:
    """A provider that is down for a while, `how` it is, and programs that do not stop asking.

    The provider notes the writes that were `taken`, and by their keys those that it carried out,
    as `entries`. Where it hangs it takes them too, and does not say so.
    """

    def __init__(self, how):
        self.how = how
        self.programs = Programs()
        self.programs.answer = self.answer
        self.dice = random.Random(11)
        self.reads = []
        self.written = []
        self.refused = 0  # programs that heard of no success, now or later
        self.taken = []
        self.entries = []
        self.keys = set()

    def answer(self, arrived):
        down = WARM_S <= arrived.at < RECOVERED_S
        hangs = down and self.how == "hangs"
        self.programs.latency_s = 60 if hangs else LATENCY_S
        if down and self.how == "refused":
            return DOWN
        if down and self.how == "fails":
            return 503, {}, b""
        if arrived.method == "POST":
            self._take(arrived.body.decode(), arrived.headers[KEY_HEADER])
        return arrived.path.encode()

    def _take(self, text, key):
        self.taken.append(text)
        if key not in self.keys:
            self.keys.add(key)
            self.entries.append(text)

    async def read(self, daemon, path):
        began = trio.current_time()
        stale, age, failed = False, timedelta(), False
        try:
            answer = await self.programs.ask(daemon, path)
        except (CallLost, HeldBack):
            failed = True
        else:
            stale, age = answer.brought.stale, answer.brought.age or age
        self.reads.append(
            Read(
                at=began - self.programs.began,
                took_s=trio.current_time() - began,
                stale=stale,
                age_s=age / SECOND,
                failed=failed,
            )
        )

    async def write(self, daemon, text):
        """To a path that is read too: what is kept of it is in doubt."""
        wish = Wish(method="POST", path=self.dice.choice(PATHS), body=text.encode())
        try:
            outcome = await daemon.outbox.call(self.programs.subject, wish, None)
        except (CallLost, HeldBack, NotQueued):
            self.refused += 1
        else:
            self.refused += not isinstance(outcome, Queued) and outcome.cause is not None

    async def live(self):
        """Let programs read and write all the time; at the end nothing waits any more."""
        async with self.programs.life() as daemon, trio.open_nursery() as nursery:
            for path in PATHS:
                await self.programs.ask(daemon, path)
            for number in range(round((WARM_S + DOWN_S + AFTER_S) / EVERY_S)):
                nursery.start_soon(self.read, daemon, self.dice.choice(PATHS))
                if number % round(WRITTEN_EVERY_S / EVERY_S) == 0:
                    self.written.append(f"{number:04}")
                    nursery.start_soon(self.write, daemon, self.written[-1])
                await trio.sleep(EVERY_S)
            assert not daemon.journal.world.outboxes

    def of(self, *types):
        return [(each.at - EPOCH) / SECOND for each in self.programs.events(*types)]


@pytest.mark.requirement("E11")
@pytest.mark.parametrize("how", ["refused", "hangs", "fails"])
def test_an_outage_of_ten_minutes(how):
    async def scene():
        outage = Outage(how)
        await outage.live()
        check_readers(outage)
        check_writes(outage)
        failed = sum(each.failed for each in outage.reads) + outage.refused
        assert failed < 0.01 * (len(outage.reads) + len(outage.written))

    play(scene)


def check_readers(outage):
    """They are told what was last known and how old that is, at once while the breaker is open."""
    during = [each for each in outage.reads if WARM_S <= each.at < RECOVERED_S]
    answered = [each for each in during if not each.failed]
    assert len(answered) >= 0.999 * len(during)
    for each in answered:
        ended = each.at + each.took_s
        if ended < RECOVERED_S:
            assert each.stale
            assert each.age_s >= ended - WARM_S - SLACK_S
    (opened, *_), (closed,) = outage.of(BreakerOpened), outage.of(BreakerClosed)
    behind = [each.took_s for each in answered if each.at > opened]
    assert max(behind) == 0  # nobody waits while the breaker is open, nor for its probes
    assert max(each.took_s for each in answered) < PATIENCE_S + SLACK_S
    assert closed - RECOVERED_S <= OPEN_S + PROBES * EVERY_S + SLACK_S
    late = [each for each in outage.reads if each.at > closed]
    assert not any(each.stale or each.failed for each in late)


def check_writes(outage):
    """The provider's own notes say that each of them came, once, in the order of their writing."""
    assert outage.entries == outage.written
    if outage.how != "hangs":  # where nobody heard of the first copy, its key tells the second
        assert outage.taken == outage.written
    queued = outage.of(WriteQueued)
    assert len(queued) >= DOWN_S / WRITTEN_EVERY_S - 1
    assert len(outage.of(WriteDelivered)) == len(queued)
    assert max(outage.of(WriteDelivered)) - RECOVERED_S < LATE_S
