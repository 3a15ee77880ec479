"""Does a provider see more calls than it allows, however many are asked for?

The witness is a server in a process of its own, by its own notes of what arrived when. Its clock
is real, and so is ours; the same is shown in simulated time, exactly, in `test_program_calls`.

What arrives is later than what leaves, by as long as the machine likes, so arrivals may bunch: but
not without bound. A call holds one of the limiter's PLACES from when it is let go until its answer
is there, and the server notes it in between. So whatever arrives in a window was either let go in
that window, and of these there are at most as many as the limit says, or was under way when it
began, and of these there are at most PLACES. No load breaks that sum.
"""

from functools import partial

import pytest
import trio
from msgspec import structs

from daemon.exchange import CallLost
from daemon.gateway.asking import Wish
from daemon.limiter import PLACES
from daemon.policy_file import PolicyTables
from daemon.provider_file import Endpoint
from events.gateway import CallMade
from events.terms import FailureClass
from tests.fakes.in_process import InProcess
from tests.rest.provider import declared, way
from tests.wire.noting_provider import noting

CALLS = 10_000
LIMIT, PER_S = 100, 1  # a sliding window
OVER = 10  # times the limit
PATIENCE_S = 250.0  # longer than anybody waits in the room: those who wait are let go
ENDS_S = 120.0  # it takes eleven seconds; a deadline, not a measure
SYNCED = "/days"  # the connection's own sync asks, too
UNKEPT = Endpoint(cached=False, shared=False)  # each call is one of its own


def file(url):
    """No machine is so loaded that a call in it times out."""
    rate = {"windows": [{"calls": LIMIT, "per_s": PER_S}]}
    plain = declared(url, rate=rate, limits={"timeout_s": ENDS_S})
    return structs.replace(plain, name="health", endpoints={"/things/{id}": UNKEPT})


class Crowd(InProcess):
    """Programs that ask for much more than their provider allows, and are told to come back."""

    def __init__(self, url, wire):
        super().__init__()
        self.file = file(url)
        self.policy = PolicyTables(caller_reads=CALLS)
        self.send = wire.send
        self.answered = []
        self.statuses = set()
        self.told = []

    async def ask(self, daemon, number):
        wish = Wish(method="GET", path=f"/things/{number}", timeout_s=PATIENCE_S)
        try:
            answer = await daemon.gateway.call(self.subject, wish, None)
        except CallLost as lost:
            self.told.append(lost)
        else:
            self.answered.append(wish.path)
            self.statuses.add(answer.brought.status)

    async def come(self, daemon):
        """Each is there on time; where the machine falls behind, all who are due come at once."""
        began = trio.current_time()
        with trio.fail_after(ENDS_S):
            async with trio.open_nursery() as callers:
                for number in range(CALLS):
                    await trio.sleep_until(began + number * PER_S / (OVER * LIMIT))
                    callers.start_soon(partial(self.ask, daemon, number))


def check_windows(times, most):
    """No window of the limit's length holds more than that."""
    for first, over in zip(times, times[most:], strict=False):
        assert over - first >= PER_S


@pytest.mark.requirement("E3")
@pytest.mark.requirement("E11")
async def test_at_ten_times_the_limit_a_real_server_sees_no_call_too_early():
    async with noting() as provider, way(file(provider.url).limits) as wire:
        crowd = Crowd(provider.url, wire)
        async with crowd.life() as daemon:
            await crowd.come(daemon)
    check_windows([at for at, _ in provider.notes], LIMIT + PLACES)
    asked = [path for _, path in provider.notes if path != SYNCED]
    assert sorted(crowd.answered) == sorted(asked), "each once, and none in vain"
    assert len(crowd.events(CallMade)) == len(asked)
    assert len(crowd.answered) + len(crowd.told) == CALLS
    assert crowd.statuses == {200}
    assert {(each.cause, each.sent) for each in crowd.told} == {(FailureClass.RATE_LIMITED, False)}
    assert all(each.retry_after and "come back in" in each.message for each in crowd.told)
    assert len(asked) > 2 * LIMIT, "and the limit is used, window after window"
