"""Does a program learn what became of its question, whatever the daemon does, under both loops?"""

import socket
import threading
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import anyio
import msgspec
import pytest

from daemon.client import (
    Failed,
    NotRunning,
    NotUnderstood,
    Refused,
    Rounds,
    TimedOut,
    Unheard,
)
from daemon.control import asking
from tests.cli.world import WAIT_S, world

pytestmark = pytest.mark.requirement("D10")

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
HEAD = {"seq": 7, "events": [], "added-later": 1}


def said(document, status=200):
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def events(*numbers):
    """Some of what a tail says, with a field that only a later daemon knows."""
    whole = {"at": "2026-01-01T00:00:00Z", "subject": 1, "name": "a/b", "later": True}
    event = {"type": "connection-paused", "later": 1}
    items = [{"seq": each, **whole, "event": event} for each in numbers]
    return b"".join(b"id: %d\ndata: %s\n\n" % (i["seq"], msgspec.json.encode(i)) for i in items)


@contextmanager
def fake(path, *answers):
    """A daemon that answers each question with the next of these, and then hangs up.

    None waits until the client has hung up itself.
    """
    asked = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve():
        left = list(answers)
        while left:
            taken, _ = listener.accept()
            with taken:
                taken.settimeout(WAIT_S)
                question = taken.recv(65536)
                if not question:
                    continue  # who only looked whether somebody is there
                asked.append(question.split()[1].decode())
                answer = left.pop(0)
                if answer is None:
                    asked.append("gone" if not taken.recv(1) else "more")
                else:
                    taken.sendall(answer)
        path.unlink()
        listener.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield asked
    thread.join(WAIT_S)
    assert not thread.is_alive(), "a question was never asked"


@pytest.fixture(params=["asyncio", "trio"])
def run(request):
    """Run a coroutine function under one of the two loops."""

    def under(function, *words):
        async def bounded():
            with anyio.fail_after(WAIT_S):
                return await function(*words)

        return anyio.run(bounded, backend=request.param)

    return under


async def asked(path, call, **options):
    """What a call within a `Rounds` of its own comes to: its answer, or its failure."""
    async with Rounds(path, **options) as rounds:
        try:
            return await call(rounds)
        except Failed as failed:
            return failed


def sync(rounds):
    return rounds.sync("acme/weather")


def test_where_no_daemon_is_nothing_is_asked(run, tmp_path, monkeypatch):
    async def enter():
        with pytest.raises(NotRunning, match="start it with `roundsd`"):
            await asked(tmp_path / "none", sync)

    run(enter)


def test_a_socket_is_found_as_the_command_finds_it(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ROUNDS_SOCKET", str(tmp_path / "s"))
    with fake(tmp_path / "s", said(HEAD)):
        assert run(asked, None, lambda rounds: rounds.log()).seq == HEAD["seq"]


def test_a_refusal_has_its_code_its_sentence_and_when_to_come_back(run, tmp_path):
    problem = {"code": "limited", "message": "later", "retry_after_s": 9, "added": 1}
    with fake(tmp_path / "s", said(problem, 429)):
        refused = run(asked, tmp_path / "s", sync)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.message, refused.retry_after_s) == ("limited", "later", 9)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_what_was_asked_and_not_heard_is_told_from_what_was_not_done(run, tmp_path, answer):
    with fake(tmp_path / "s", answer):
        assert type(run(asked, tmp_path / "s", sync)) is Unheard


def test_a_deadline_ends_the_wait_and_hangs_up(run, tmp_path):
    with fake(tmp_path / "s", None) as heard:
        assert type(run(partial(asked, answer_s=0.05), tmp_path / "s", sync)) is TimedOut
    assert heard == ["/v1/sync", "gone"]


def test_who_is_cancelled_hangs_up_and_is_told_of_it_by_nobody_else(run, tmp_path):
    async def cancelled():
        async with Rounds(tmp_path / "s") as rounds:
            with anyio.move_on_after(0.05) as scope:
                await rounds.sync("acme/weather")
            return scope.cancelled_caught

    with fake(tmp_path / "s", None) as heard:
        assert run(cancelled)
    assert heard == ["/v1/sync", "gone"]


def test_an_answer_of_another_version_is_said_to_be_that(run, tmp_path):
    with fake(tmp_path / "s", said({"seq": "much"}), said(b"Not Found", 404)):
        for _ in range(2):
            failed = run(asked, tmp_path / "s", sync)
            assert isinstance(failed, NotUnderstood)
            assert "of one version" in failed.message


def test_no_answer_is_larger_than_its_bound(run, tmp_path, monkeypatch):
    monkeypatch.setattr("daemon.client.asker.ANSWER_BYTES_MAX", 10)
    with fake(tmp_path / "s", said(HEAD)):
        failed = run(asked, tmp_path / "s", lambda rounds: rounds.log())
    assert isinstance(failed, NotUnderstood)
    assert "more than 10 bytes" in failed.message


def test_only_what_differs_from_the_defaults_is_sent(run, tmp_path):
    with fake(tmp_path / "s", said(HEAD), said(HEAD)) as heard:
        run(asked, tmp_path / "s", lambda rounds: rounds.log())
        run(asked, tmp_path / "s", lambda rounds: rounds.log(limit=7, connection="a/b"))
    assert heard == ["/v1/log", "/v1/log?connection=a%2Fb&limit=7"]


def test_a_time_without_an_offset_is_refused(run, tmp_path):
    async def naive():
        async with Rounds(tmp_path / "s") as rounds:
            with pytest.raises(ValueError, match="has no offset"):
                await rounds.status(at=datetime(2026, 1, 1))
            return await rounds.log()

    with fake(tmp_path / "s", said(HEAD)):
        run(naive)


def test_nothing_is_asked_outside_its_block(run):
    async def outside():
        with pytest.raises(Failed, match="async with"):
            await Rounds().status()

    run(outside)


def test_a_tail_goes_on_where_it_was_broken_off_without_gap_or_double(run, tmp_path):
    """From now on: also where it was broken off before anything came."""
    cut = events(9)[:-20]
    answers = (said(HEAD), STREAM, STREAM + events(8) + cut, STREAM + events(9, 10))

    async def taken():
        async with Rounds(tmp_path / "s") as rounds, rounds.tail() as following:
            return [(await anext(following)).seq for _ in range(3)]

    with fake(tmp_path / "s", *answers) as heard:
        assert run(taken) == [8, 9, 10]
    tails = ["/v1/tail?after=7", "/v1/tail?after=7", "/v1/tail?after=8"]
    assert heard == ["/v1/log?limit=1", *tails]


def test_a_watch_cannot_go_on_and_says_so(run, tmp_path):
    async def watched():
        async with Rounds(tmp_path / "s") as rounds:
            following = rounds.watch("a/b")
            with pytest.raises(Unheard, match="broke off"):
                await anext(following)
            return [each async for each in following]

    with fake(tmp_path / "s", STREAM):
        assert run(watched) == []


def test_who_is_cancelled_at_a_tail_hangs_up_and_may_go_on_later(run, tmp_path):
    async def taken():
        async with Rounds(tmp_path / "s") as rounds:
            following = rounds.tail(after=4)
            with anyio.move_on_after(0.05):
                await anext(following)
            return (await anext(following)).seq

    with fake(tmp_path / "s", None, STREAM + events(5)) as heard:
        assert run(taken) == 5
    assert heard == ["/v1/tail?after=4", "gone", "/v1/tail?after=4"]


def test_a_program_follows_so_many_streams_and_no_more(run, tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "FOLLOWED_MAX", 0)

    async def taken():
        async with Rounds(tmp_path / "s") as rounds:
            with pytest.raises(Failed, match="close one"):
                await anext(rounds.tail(after=0))
            await rounds.log()

    with fake(tmp_path / "s", said(HEAD)):
        run(taken)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_tail_outlives_a_daemon_that_is_started_again(backend):
    async def followed(made):
        async with Rounds(made.home.socket) as rounds:
            async with rounds.tail(after=0) as following:
                numbers = [(await anext(following)).seq for _ in range(3)]
                await anyio.to_thread.run_sync(made.stop)
                await anyio.to_thread.run_sync(made.start)
                last = (await rounds.pause("acme/weather")).events[-1]
                while numbers[-1] < last:
                    numbers.append((await anext(following)).seq)
            return numbers, last

    with world("acme/weather") as made:
        made.start()
        numbers, last = anyio.run(followed, made, backend=backend)
    assert numbers == list(range(1, last + 1))
