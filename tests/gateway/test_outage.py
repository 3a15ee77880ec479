"""What do programs notice of a provider that is down for ten minutes (requirement E11)?"""

import random
from datetime import timedelta

import pytest
import trio
from msgspec import Struct

from daemon.exchange import CallLost
from daemon.gateway.call import HeldBack
from events.breakers import BreakerClosed, BreakerOpened
from tests.fakes.in_process import EPOCH, play
from tests.gateway.programs import DOWN, Programs

WARM_S = 60
DOWN_S = 600
AFTER_S = 120
EVERY_S = 0.25
PATHS = tuple(f"/days/{number}" for number in range(20))
RECOVERED_S = WARM_S + DOWN_S
SECOND = timedelta(seconds=1)
PATIENCE_S = 5.0  # for a provider that hangs, until it is known to
OPEN_S = 30  # for so long a breaker stays open, by default
PROBES = 2  # successes that close it, by default
SLACK_S = 1.0


class Read(Struct, frozen=True, kw_only=True):
    at: float
    took_s: float
    stale: bool = False
    failed: bool = False


async def read(programs, daemon, path, reads):
    began = trio.current_time()
    try:
        answer = await programs.ask(daemon, path)
    except (CallLost, HeldBack):
        stale, failed = False, True
    else:
        stale, failed = answer.brought.stale, False
    at = began - programs.began
    reads.append(Read(at=at, took_s=trio.current_time() - began, stale=stale, failed=failed))


@pytest.mark.requirement("E11")
@pytest.mark.parametrize("how", ["refused", "hangs", "fails"])
def test_an_outage_of_ten_minutes(how):
    async def scene():
        programs = Programs()
        dice, reads = random.Random(11), []

        def answer(arrived):
            down = WARM_S <= arrived.at < RECOVERED_S
            programs.latency_s = 60 if down and how == "hangs" else 0.01
            if down and how == "refused":
                return DOWN
            return (503, {}, b"") if down and how == "fails" else arrived.path.encode()

        programs.answer = answer
        async with programs.life() as daemon, trio.open_nursery() as nursery:
            for path in PATHS:
                await programs.ask(daemon, path)
            for _ in range(round((WARM_S + DOWN_S + AFTER_S) / EVERY_S)):
                nursery.start_soon(read, programs, daemon, dice.choice(PATHS), reads)
                await trio.sleep(EVERY_S)
        outage = [each for each in reads if WARM_S <= each.at < RECOVERED_S]
        answered = [each for each in outage if not each.failed]
        assert len(answered) >= 0.999 * len(outage)
        assert sum(each.failed for each in reads) < 0.01 * len(reads)
        (opened, *_), (closed,) = programs.events(BreakerOpened), programs.events(BreakerClosed)
        behind = [each.took_s for each in answered if each.at > (opened.at - EPOCH) / SECOND]
        assert max(behind) == 0  # nobody waits while the breaker is open, nor for its probes
        assert max(each.took_s for each in answered) < PATIENCE_S + SLACK_S
        recovered = (closed.at - EPOCH) / SECOND - RECOVERED_S
        assert recovered <= OPEN_S + PROBES * EVERY_S + SLACK_S
        late = [each for each in reads if each.at > RECOVERED_S + recovered]
        assert not any(each.stale or each.failed for each in late)

    play(scene)
