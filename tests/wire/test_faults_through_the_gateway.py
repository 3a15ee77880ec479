"""What is a program told of each way in which a real server fails, and is it asked again?

A whole daemon, whose provider is the hostile server in real time, over the real transport.
"""

import json

import pytest
import trio
from msgspec import structs

from daemon.auth_file import NoAuth
from daemon.decide.calling import ATTEMPTS_MAX
from daemon.exchange import CallLost, Response
from daemon.gateway.asking import Wish
from daemon.gateway.call import Source
from daemon.gateway.gateway import DOUBT
from daemon.provider_file import Endpoint
from events.gateway import CallMade
from events.terms import FailureClass
from tests.conversations.haste import Prompt
from tests.fakes.in_process import InProcess
from tests.rest.provider import way
from tests.wire.test_hostile import (
    GOOD,
    HUNG_S,
    IN_THE_ANSWER,
    LONG_S,
    ON_THE_WIRE,
    REFUSED,
    ROWS,
    SHORT_S,
    UNIX,
    WAITS,
    file,
)
from tests.wire.wiremock import WireMock, whole

NEXT_SYNC = "next sync"  # of which no program is told
ENDPOINT = "/things"
PATIENT = Endpoint(patience_s=60)  # nobody is given a kept answer because this machine is slow
KEY = "order-7"
HURRIED_S = 12.0  # a fair time for a provider, and less than a limit without a hint is obeyed
WHOLE_S = ATTEMPTS_MAX * (LONG_S + HUNG_S)  # all attempts of one call
WISHES = {
    "a read": {"method": "GET"},
    "a write": {"method": "POST", "body": b"hello"},
    "a write with a key": {"method": "POST", "body": b"hello", "key": KEY},
}
AGAIN = {FailureClass.NETWORK, FailureClass.TIMEOUT, FailureClass.SERVER, FailureClass.RATE_LIMITED}


class Asking(InProcess):
    """Programs that ask a provider of this file; its syncs find nothing new, and ask nobody."""

    def __init__(self, provider, wire):
        super().__init__()
        self.wire = wire
        self.file = structs.replace(
            provider,
            name="health",
            auth=NoAuth(),
            endpoints={ENDPOINT: PATIENT},
            idempotency_header="idempotency-key",
        )

        self.dice = Prompt()

    def _parts(self, log):
        """Its retries do not rest."""
        return structs.replace(super()._parts(log), chance=lambda: 0.0)

    async def send(self, request):
        if request.stream:
            return Response(status=200, headers={}, body=b"[]", duration_ms=1, size=2)
        return await self.wire.send(request)

    async def ask(self, daemon, **wish):
        """What came of it: an answer, or how it was lost."""
        wish = {"method": "GET", "timeout_s": WHOLE_S} | wish
        with trio.fail_after(wish["timeout_s"] + HUNG_S):
            try:
                return await daemon.gateway.call(self.subject, Wish(path=ENDPOINT, **wish), None)
            except CallLost as lost:
                return lost

    def made(self):
        """How each exchange ended, as it was recorded."""
        return [(each.event.status, each.event.cause) for each in self.events(CallMade)]


async def asked(provider, *wishes):
    """What came of these, one after the other, and the daemon that recorded it."""
    async with way(provider.limits, rate=provider.rate) as wire:
        asking = Asking(provider, wire)
        async with asking.life() as daemon:
            return [await asking.ask(daemon, **wish) for wish in wishes], asking


def times(wish, cause):
    """How often a call is made that fails like this and has left."""
    repeatable = wish["method"] == "GET" or "key" in wish
    return ATTEMPTS_MAX if repeatable and cause in AGAIN else 1


@pytest.mark.requirement("E2")
@pytest.mark.parametrize("how", WISHES)
@pytest.mark.parametrize("what", ON_THE_WIRE)
async def test_a_fault_is_told_as_what_it_is_and_met_again_where_that_does_no_harm(
    hostile: WireMock, what, how
):
    answer, (cause, happened, _) = ON_THE_WIRE[what]
    timeout_s, wish = SHORT_S if cause is FailureClass.TIMEOUT else LONG_S, WISHES[how]
    url = hostile.stub(answer)
    (lost,), asking = await asked(file(url, timeout_s), wish)
    assert isinstance(lost, CallLost)
    assert (lost.cause, lost.sent, lost.attempts) == (cause, True, times(wish, cause))
    assert happened in lost.message
    assert NEXT_SYNC not in lost.message
    in_doubt = how == "a write" and cause is not FailureClass.MALFORMED  # whose status came
    assert lost.message.endswith(DOUBT) == in_doubt
    assert [each for _, each in asking.made()] == [cause] * lost.attempts
    if cause is not FailureClass.TIMEOUT:
        assert hostile.asked(url) == [f"{wish['method']} {ENDPOINT}"] * lost.attempts


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("what", ON_THE_WIRE)
async def test_with_a_kept_answer_a_read_falls_back_to_it(hostile: WireMock, what):
    answer, (cause, happened, _) = ON_THE_WIRE[what]
    url = hostile.stub(GOOD, answer)
    hasty = file(url, silence_s=SHORT_S).limits
    async with way(file(url).limits) as wire, way(hasty) as impatient:
        asking = Asking(file(url), wire)
        async with asking.life() as daemon:
            kept = await asking.ask(daemon)
            asking.wire = impatient if cause is FailureClass.TIMEOUT else wire
            fallen = await asking.ask(daemon)
    assert (kept.brought.source, kept.brought.stale) == (Source.PROVIDER, False)
    given = fallen.brought
    assert (given.source, given.stale, fallen.cause) == (Source.CACHE, True, None)
    assert (given.status, given.body) == (200, kept.brought.body)
    assert given.age is not None
    assert (happened if cause is not FailureClass.TIMEOUT else "nothing came") in given.why
    assert NEXT_SYNC not in given.why
    assert asking.made() == [(200, None), *[asking.made()[-1]] * times(WISHES["a read"], cause)]
    assert asking.made()[-1][1] is cause


@pytest.mark.requirement("E2")
@pytest.mark.parametrize("what", ["silence", "a dribble"])
async def test_the_programs_own_deadline_ends_it_and_is_not_the_providers_failure(
    hostile: WireMock, what
):
    answer, _ = ON_THE_WIRE[what]
    provider, lost = file(hostile.stub(answer)), None
    async with way(provider.limits) as wire:
        asking = Asking(provider, wire)
        async with asking.life() as daemon:
            while lost is None or not lost.sent:  # this machine may be too slow to let it leave
                lost = await asking.ask(daemon, timeout_s=SHORT_S)
                assert lost.cause is FailureClass.CANCELLED
    assert "the time that the program gave was over" in lost.message
    assert asking.made() == [(None, FailureClass.CANCELLED)]


@pytest.mark.requirement("E5")
@pytest.mark.parametrize("what", IN_THE_ANSWER)
async def test_what_is_in_a_good_answer_is_the_programs_own_to_judge(hostile: WireMock, what):
    """It is handed on byte for byte: a program may want what is no JSON."""
    answer, _ = IN_THE_ANSWER[what]
    (said,), asking = await asked(file(hostile.stub(answer)), {})
    assert (said.brought.status, said.cause, said.message) == (200, None, "")
    assert asking.made() == [(200, None)]


@pytest.mark.requirement("E5")
@pytest.mark.parametrize("status", REFUSED)
async def test_a_refusal_is_handed_on_with_what_it_means(hostile: WireMock, status):
    cause, _ = REFUSED[status]
    words = b"" if status == 304 else b"the provider's own words"
    url = hostile.stub(whole(words, status))
    (said,), asking = await asked(file(url), {"timeout_s": HURRIED_S})
    assert asking.made()[0] == (status, cause)
    assert set(asking.made()) == {(status, cause)}
    if status == 304:
        assert (said.cause, said.status) == (cause, status)
    else:
        assert (said.brought.status, said.brought.body, said.cause) == (status, words, cause)
    assert str(status) in said.message
    assert NEXT_SYNC not in said.message


@pytest.mark.requirement("E10")
@pytest.mark.parametrize("what", WAITS)
async def test_a_limit_is_handed_on_and_nobody_asks_before_it_is_over(hostile: WireMock, what):
    headers, dialect, expected = WAITS[what]
    url = hostile.stub(whole(b"", 429, **headers), GOOD)
    wishes = [{"timeout_s": HURRIED_S}] * 2
    (said, kept), asking = await asked(file(url, dialect=dialect), *wishes)
    assert (said.brought.status, said.cause) == (429, FailureClass.RATE_LIMITED)
    assert said.retry_after == expected
    assert NEXT_SYNC not in said.message
    assert isinstance(kept, CallLost)
    assert (kept.cause, kept.sent) == (FailureClass.RATE_LIMITED, False)
    assert kept.retry_after.total_seconds() > 0
    assert asking.made() == [(429, FailureClass.RATE_LIMITED)]
    assert hostile.asked(url) == [f"GET {ENDPOINT}"]


@pytest.mark.requirement("E10")
@pytest.mark.parametrize("how", WISHES)
async def test_a_short_limit_is_waited_for_where_the_call_may_be_made_again(hostile: WireMock, how):
    soon = whole(b"", 429, Retry_After=f"{UNIX}200")  # a fifth of a second, in milliseconds
    url, wish = hostile.stub(soon, soon, GOOD), WISHES[how]
    (said,), asking = await asked(file(url), wish)
    attempts = times(wish, FailureClass.RATE_LIMITED)
    assert said.brought.attempts == len(hostile.asked(url)) == attempts
    assert said.brought.status == (429 if how == "a write" else 200)
    statuses = [status for status, _ in asking.made()]
    assert statuses == [429, 429, 200][:attempts]


@pytest.mark.parametrize(
    "slow",
    [
        {"fixedDelayMilliseconds": 50},
        {"chunkedDribbleDelay": {"numberOfChunks": 5, "totalDuration": 50}},
    ],
    ids=["late", "a dribble"],
)
async def test_what_is_slow_and_in_time_is_good(hostile: WireMock, slow):
    (said,), asking = await asked(file(hostile.stub({**GOOD, **slow})), {})
    assert json.loads(said.brought.body) == ROWS
    assert asking.made() == [(200, None)]
