"""Does a sync's every call ask the limiter first, and tell it what came of it?"""

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from daemon.exchange import CallLost, Response
from daemon.protected import REFUSED_PATIENCE_S
from events.terms import FailureClass
from tests.policy.transcript import ONE
from tests.rest.test_polling import OAUTH, Scene, later, ready, refused

pytestmark = [pytest.mark.requirement("E2"), pytest.mark.requirement("E10")]
RATE = {
    "windows": [{"calls": 100, "per_s": 60}],
    "headers": [{"remaining": "X-Left", "reset": "X-Reset"}],
}


class Asked:
    """A limiter that lets so many calls go and no more; it remembers what it was asked and told."""

    def __init__(self, lets=99):
        self.lets = lets
        self.asked = []
        self.told = []

    @asynccontextmanager
    async def place(self, subject, *, reads, priority, patience_s, forced, program):
        self.asked.append((subject, reads, priority, patience_s))
        if len(self.asked) > self.lets:
            wait = timedelta(hours=1)
            raise CallLost(FailureClass.RATE_LIMITED, "wait", retry_after=wait, sent=False)
        yield

    def answered(self, subject, *, cause=None, retry_after=None, slow=False):
        self.told.append((subject, cause, retry_after, slow))


async def fetched(*answers, lets=99, **more):
    asked = Asked(lets)
    scene = Scene(*answers, limiter=asked, **more)
    return asked, scene, await scene.fetch()


async def test_each_call_asks_for_its_place_also_where_a_report_is_asked_for_again(autojump_clock):
    asked, scene, _ = await fetched(later(), later(), ready())
    assert asked.asked == [(ONE, True, 5, 3600.0)] * len(scene.asked)
    assert asked.told == [(ONE, None, None, False)] * 3


async def test_a_post_is_no_read(autojump_clock):
    asked, *_ = await fetched(ready(), stream={"method": "POST"})
    assert [reads for _, reads, *_ in asked.asked] == [False]


async def test_what_the_limits_refuse_is_not_sent_and_no_failed_call_but_says_when_to_come_back(
    autojump_clock,
):
    _, scene, lost = await fetched(ready(), lets=0)
    assert (lost.cause, lost.retry_after) == (FailureClass.RATE_LIMITED, timedelta(hours=1))
    assert (scene.asked, scene.journal.calls, scene.calls.totals) == ([], [], {})


async def test_a_refusal_of_ours_after_a_good_call_does_not_blame_that_one(autojump_clock):
    _, scene, lost = await fetched(later(), ready(), lets=1)
    assert lost.sent is False
    assert scene.journal.calls == []
    assert sum(each.calls for each in scene.calls.totals.values()) == 1


async def test_the_second_call_of_a_renewed_token_asks_as_well(autojump_clock):
    asked, scene, _ = await fetched(refused(FailureClass.AUTH, 401), ready(), auth=OAUTH)
    assert len(asked.asked) == len(scene.asked) == 2
    assert [cause for _, cause, *_ in asked.told] == [FailureClass.AUTH, None]


async def test_a_sync_that_was_refused_does_not_wait_for_long_any_more(autojump_clock):
    asked, scene, lost = await fetched(
        CallLost(FailureClass.RATE_LIMITED, "429", status=429, retry_after=timedelta(minutes=2)),
        ready(),
    )
    await scene.fetch()
    assert lost.status == 429
    assert [patience_s for *_, patience_s in asked.asked] == [3600.0, REFUSED_PATIENCE_S]
    assert asked.told[0] == (ONE, FailureClass.RATE_LIMITED, timedelta(minutes=2), False)


@pytest.mark.parametrize(("duration_ms", "slow"), [(23_999, False), (24_000, True)])
async def test_an_answer_that_takes_nearly_as_long_as_it_may_is_slow(
    autojump_clock, duration_ms, slow
):
    answer = Response(status=200, headers={}, body=b"[]", duration_ms=duration_ms, size=2)
    asked, *_ = await fetched(answer)
    assert [each for *_, each in asked.told] == [slow]


@pytest.mark.parametrize(("left", "hint"), [("0", timedelta(seconds=45)), ("1", None)])
async def test_a_good_answer_that_was_the_last_of_its_window_is_told(autojump_clock, left, hint):
    headers = {"x-left": left, "x-reset": "45"}
    answer = Response(status=200, headers=headers, body=b"[]", duration_ms=1, size=2)
    asked, *_ = await fetched(answer, rate=RATE)
    assert asked.told == [(ONE, None, hint, False)]
