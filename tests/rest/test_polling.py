"""Is an answer that is not ready asked for again: as often as it needs, and not for ever?"""

from contextlib import asynccontextmanager

import msgspec
import pytest
import trio

from daemon import reports, rest
from daemon.calls import POLLS_MAX, Calls
from daemon.clock import TrioClock
from daemon.commands import NoteCall
from daemon.exchange import CallLost, Response
from daemon.protected import Whose
from daemon.provider import Provider
from daemon.secret import Secret
from daemon.tokens import Access
from events.breakers import BreakerOpened, BreakerReason
from events.terms import CallTotal, FailureClass
from tests.policy.transcript import KNOWN, MINUTE, ONE, RUNNING, given
from tests.rest.provider import NOW, declared

pytestmark = pytest.mark.requirement("B11")

OAUTH = {
    "kind": "oauth2",
    "token_url": "https://h.example/token",
    "authorize_url": "https://h.example/authorize",
}
ENDPOINT = "GET /days"


class Noted:
    """As much of a journal as calls see: a clock, and what they have noted."""

    def __init__(self):
        self.clock = TrioClock(NOW)
        self.world = given(*KNOWN).world
        self.calls = []

    def execute(self, command):
        assert isinstance(command, NoteCall)
        self.calls.append(command.call)


class Tokens:
    """A keeper whose token is another one each time, so that it shows who asks for one."""

    def __init__(self):
        self.given = 0
        self.lost = None

    async def access(self, subject, *, sync=None, refused=None, going_on=False, program=False):
        if self.lost is not None:
            raise self.lost
        self.given += 1
        return Access(generation=self.given, token=Secret(f"token {self.given}"))


class NothingKept:
    """Keeps nothing of what a provider says."""

    def wanted(self, subject):
        return False

    def seal(self, subject, request, lost):
        return None


class Unlimited:
    """A limiter that lets every call go at once."""

    @asynccontextmanager
    async def place(self, subject, **_):
        yield

    def answered(self, subject, **_):
        pass


class Scene:
    """One sync's calls to a provider that answers as it is told to, in virtual time."""

    def __init__(self, *answers, stream=None, limits=None, auth=None, seconds=0.0, **own):
        limiter = own.pop("limiter", None) or Unlimited()
        more = {**own, **({"auth": auth} if auth else {})}
        self.file = declared("https://h.example", stream, limits=limits or {}, **more)
        self.answers = list(answers)
        self.seconds = seconds
        self.journal, self.tokens = Noted(), Tokens()
        self.asked = []
        self.records = []
        self.began = trio.current_time()
        provider = Provider(file=self.file, send=self.send, send_token=self.send)
        whose = Whose(connection=ONE, sync=4)
        self.calls = Calls(
            self.journal, self.tokens, provider, whose, limiter, excerpts=NothingKept()
        )

    async def send(self, request):
        self.asked.append((trio.current_time() - self.began, request))
        await trio.sleep(self.seconds)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = answer() if callable(answer) else answer
        if isinstance(answer, CallLost):
            raise answer
        return answer

    @property
    def times(self):
        return [at for at, _ in self.asked]

    async def fetch(self):
        async def sink(page):
            self.records += page

        fetch = rest.fetch if self.file.streams["days"].csv is None else reports.fetch
        try:
            return await fetch(self.file, "days", None, self.calls.send, sink)
        except CallLost as lost:
            self.calls.unusable(lost)
            return lost


def ready(rows=({"id": 1},)):
    body = msgspec.json.encode(rows)
    return Response(status=200, headers={}, body=body, duration_ms=3, size=len(body))


def later(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=202, headers=named, body=b"{}", duration_ms=2, size=2)


def refused(cause=FailureClass.SERVER, status=500):
    return CallLost(cause, "it was down", status=status, duration_ms=2)


async def test_it_is_asked_for_again_after_a_while_until_it_is_there(autojump_clock):
    scene = Scene(later(), later(), ready())
    assert (await scene.fetch()).records == 1
    assert scene.times == [0, 5, 10]
    assert scene.records == [{"id": 1}]
    assert scene.calls.totals == {
        ENDPOINT: CallTotal(endpoint=ENDPOINT, calls=3, bytes=2 + 2 + 10, duration_ms=7)
    }
    assert scene.journal.calls == []


async def test_the_pause_is_the_files_unless_the_answer_names_another(autojump_clock):
    headers = [
        {"retry_after": "30"},
        {"retry_after": "Sat, 21 Nov 2026 12:01:32 GMT"},
        {"retry_after": "0"},
        {"retry_after": "soon"},
        {"retry_after": "Sat, 21 Nov 2026 12:00:00 GMT"},
        {},
    ]
    scene = Scene(*(later(**each) for each in headers), ready(), limits={"poll_s": 2})
    await scene.fetch()
    assert scene.times == [0, 30, 92, 94, 96, 98, 100]


async def test_there_is_an_end_to_asking(autojump_clock):
    scene = Scene(later(), limits={"poll_s": 0.001})
    lost = await scene.fetch()
    assert (lost.cause, lost.status) == (FailureClass.MALFORMED, 202)
    assert f"not ready after {POLLS_MAX} questions" in lost.message
    assert len(scene.asked) == POLLS_MAX
    assert scene.calls.totals[ENDPOINT].calls == POLLS_MAX - 1
    assert [call.cause for call in scene.journal.calls] == [FailureClass.MALFORMED]


@pytest.mark.parametrize("hint", ["600", "99999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_the_streams_deadline_ends_it_however_long_the_pause_is(autojump_clock, hint):
    scene = Scene(later(retry_after=hint), limits={"sync_timeout_s": 100})
    lost = await scene.fetch()
    assert lost.cause is FailureClass.TIMEOUT
    assert "not fetched within 100 s" in lost.message
    assert trio.current_time() - scene.began == 100
    assert scene.records == []


async def test_a_call_that_was_good_is_not_blamed_for_the_time_that_went_by(autojump_clock):
    scene = Scene(later(), limits={"sync_timeout_s": 12})
    await scene.fetch()
    assert scene.calls.totals[ENDPOINT].calls == 3
    assert scene.journal.calls == []


async def test_a_failure_ends_it_and_is_noted(autojump_clock):
    scene = Scene(later(), refused(), ready())
    lost = await scene.fetch()
    assert (lost.cause, len(scene.asked)) == (FailureClass.SERVER, 2)
    assert [(call.sync, call.stream, call.status) for call in scene.journal.calls] == [
        (4, "days", 500)
    ]
    assert scene.calls.totals[ENDPOINT].calls == 1


async def test_each_question_is_signed_with_a_token_that_is_good_then(autojump_clock):
    scene = Scene(later(retry_after="7200"), ready(), auth=OAUTH, limits={"sync_timeout_s": 9999})
    await scene.fetch()
    signed = [request.secret_headers["authorization"].reveal() for _, request in scene.asked]
    assert signed == ["Bearer token 1", "Bearer token 2"]


async def test_the_question_is_the_same_each_time(autojump_clock):
    scene = Scene(later(), later(), ready(), stream={"params": {"format": "json"}})
    await scene.fetch()
    (first, *others) = [(each.method, each.url, each.params, each.body) for _, each in scene.asked]
    assert others == [first, first]


@pytest.mark.parametrize("stream", [{}, {"csv": {}}])
async def test_what_a_post_began_is_neither_ordered_twice_nor_taken_for_an_answer(
    autojump_clock, stream, tmp_path
):
    """An empty report would pass for one without records."""
    with (tmp_path / "file").open("wb+") as file:
        begun = Response(status=202, headers={}, body=b"[]", duration_ms=1, file=file)
        scene = Scene(begun, stream={"method": "POST", **stream})
        lost = await scene.fetch()
        assert (lost.cause, lost.status) == (FailureClass.MALFORMED, 202)
        assert file.closed
    assert len(scene.asked) == 1
    assert scene.calls.totals == {}


async def test_a_report_that_is_not_ready_leaves_no_file_open(tmp_path):
    opened = []  # in real time: a thread reads the report

    def spooled(status, content=b""):
        opened.append((tmp_path / str(len(opened))).open("wb+"))
        opened[-1].write(content)
        opened[-1].seek(0)
        return Response(status=status, headers={}, body=b"", duration_ms=1, file=opened[-1])

    scene = Scene(
        lambda: spooled(202, b"not,yet\n"),
        lambda: spooled(202),
        lambda: spooled(200, b"id\n1\n"),
        stream={"csv": {}},
        limits={"poll_s": 0.01},
    )
    assert (await scene.fetch()).records == 1
    assert [file.closed for file in opened] == [True, True, True]
    scene.answers = [lambda: spooled(202), refused()]
    assert (await scene.fetch()).cause is FailureClass.SERVER
    assert opened[-1].closed


async def test_a_report_whose_asking_is_cancelled_leaves_no_file_open(autojump_clock, tmp_path):
    opened = []

    def spooled():
        opened.append((tmp_path / str(len(opened))).open("wb+"))
        return Response(status=202, headers={}, body=b"", duration_ms=1, file=opened[-1])

    scene = Scene(spooled, stream={"csv": {}})
    with trio.move_on_after(23):
        await scene.fetch()
    assert [file.closed for file in opened] == [True] * 5


# Every call is accounted for once.


@pytest.mark.parametrize("before", [ready, later])
async def test_a_good_call_is_not_blamed_for_a_token_that_does_not_come(autojump_clock, before):
    """Refreshing is no call of the stream's; what was fetched before it stays a success."""

    def then_no_token():
        scene.tokens.lost = refused(status=503)
        return before()

    scene = Scene(then_no_token, auth=OAUTH)
    for _ in range(2):
        await scene.fetch()
    assert scene.calls.totals[ENDPOINT].calls == 1
    assert scene.journal.calls == []


async def test_a_good_call_is_not_blamed_for_a_request_that_was_never_sent(autojump_clock):
    scene = Scene(ready())
    await scene.fetch()
    scene.calls.unusable(CallLost(FailureClass.INVALID, "nothing was sent", sent=False))
    assert scene.calls.totals[ENDPOINT].calls == 1
    assert scene.journal.calls == []


async def test_an_answer_that_came_whole_and_is_no_use_is_a_failed_call(autojump_clock):
    scene = Scene(ready(), ready("no list"))
    await scene.fetch()
    lost = await scene.fetch()
    assert lost.cause is FailureClass.MALFORMED
    assert scene.calls.totals == {
        ENDPOINT: CallTotal(endpoint=ENDPOINT, calls=1, bytes=10, duration_ms=3)
    }
    (noted,) = scene.journal.calls
    assert (noted.cause, noted.status, noted.bytes) == (FailureClass.MALFORMED, 200, 9)


async def test_an_endpoint_with_no_good_call_is_not_among_the_totals(autojump_clock):
    scene = Scene(ready("no list"))
    await scene.fetch()
    assert scene.calls.totals == {}


async def test_a_refused_token_is_replaced_once_and_both_calls_are_accounted_for(autojump_clock):
    scene = Scene(refused(FailureClass.AUTH, 401), ready(), auth=OAUTH)
    assert (await scene.fetch()).records == 1
    assert [call.status for call in scene.journal.calls] == [401]
    assert scene.calls.totals[ENDPOINT].calls == 1
    assert scene.times == [0, 0]


async def test_waiting_takes_no_time_from_a_call(autojump_clock):
    """The pauses count to the stream's deadline alone; each call has its own."""
    scene = Scene(*[later()] * 9, ready(), limits={"sync_timeout_s": 200}, seconds=10)
    assert (await scene.fetch()).records == 1
    assert trio.current_time() - scene.began == 10 * 10 + 9 * 5


@pytest.mark.requirement("E2")
async def test_a_breaker_that_opens_in_the_middle_of_a_sync_ends_its_calls(autojump_clock):
    opened = BreakerOpened(reason=BreakerReason.CALLS, until=NOW + MINUTE)
    scene = Scene(ready())
    scene.journal.world = given(*RUNNING, (ONE, opened)).world
    lost = await scene.fetch()
    assert "breaker opened in the middle" in str(lost)
    assert (lost.cause, lost.sent) == (FailureClass.SERVER, False)
    assert scene.asked == scene.journal.calls == []
