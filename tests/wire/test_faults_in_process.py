"""Does a whole daemon record each fault as what it was, and do its breakers count them?"""

import pytest
import trio
from msgspec import structs

from daemon import commands
from daemon.auth_file import NoAuth
from events.breakers import BreakerOpened, BreakerReason
from events.schema import CallFailed, SyncFailed, SyncSucceeded
from events.terms import FailureClass
from tests.fakes.in_process import InProcess
from tests.rest.provider import way
from tests.wire.test_hostile import GOOD, LONG_S, ON_THE_WIRE, SHORT_S, file
from tests.wire.wiremock import WireMock, whole

FAULTS = {
    "RST": FailureClass.NETWORK,
    "a malformed chunk": FailureClass.NETWORK,
    "silence": FailureClass.TIMEOUT,
    "no gzip": FailureClass.MALFORMED,
}
ANSWERS = [ON_THE_WIRE[what][0] for what in FAULTS] + [whole(b"", 503), whole(b"", 502)]
CAUSES = [*FAULTS.values(), FailureClass.SERVER, FailureClass.SERVER]


class Faulty(InProcess):
    """A daemon whose provider is the hostile server, in real time."""

    def __init__(self, url, wire):
        super().__init__()
        self.file = structs.replace(file(url, SHORT_S), name="health", auth=NoAuth())
        self.send = wire.send

    async def sync(self, daemon, first=False):
        """Ask for a sync, unless it is the first, which comes by itself; see how it ends."""
        seen = daemon.journal.subscribe(0 if first else daemon.journal.head.seq)
        if not first:
            daemon.journal.execute(commands.Request(subject=self.subject))
        with trio.fail_after(LONG_S):
            async for batch in seen:
                for recorded in batch:
                    if isinstance(recorded.event, SyncFailed | SyncSucceeded):
                        return recorded.event
        raise AssertionError("the journal goes on")


@pytest.mark.requirement("E1")
async def test_each_fault_is_a_failed_call_and_the_breaker_counts_it(hostile: WireMock):
    url = hostile.stub(*ANSWERS, GOOD)
    async with way(file(url, SHORT_S).limits) as wire:
        faulty = Faulty(url, wire)
        async with faulty.life() as daemon:
            ended = [await faulty.sync(daemon, first=True)]
            ended += [await faulty.sync(daemon) for _ in ANSWERS[1:]]
    assert [each.cause for each in ended] == CAUSES
    assert [each.event.cause for each in faulty.events(CallFailed)] == CAUSES
    (opened,) = faulty.events(BreakerOpened)
    assert opened.subject == faulty.subject
    assert opened.event.reason is BreakerReason.CALLS
    assert (opened.event.failures, opened.event.cause) == (5, FailureClass.SERVER)
