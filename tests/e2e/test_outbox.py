"""A process that is killed while a write is on its way: is it told, or sent again with its key?"""

import signal

import pytest
import trio

from tests.e2e.daemon import WAIT_S, running
from tests.rest.provider import http, ok, serving, then_silence

pytestmark = pytest.mark.requirement("E6")

CONNECTION = "acme/ledger"


class Ledger:
    """Takes entries while it is `up`; `busy` it takes none, `silent` it does not say so."""

    def __init__(self):
        self.mood = "busy"
        self.arrived = []
        self.more = trio.Event()

    def __call__(self, asked):
        if asked.method == "GET":
            return ok([])
        if self.mood == "busy":
            return http(b"", 503)
        self.arrived.append((asked.body, asked.headers.get("idempotency-key")))
        self.more.set()
        return then_silence(b"")(asked) if self.mood == "silent" else http(b"{}", 201)


def configure(home, url, *, keyed):
    more = {"idempotency_header": "Idempotency-Key"} if keyed else {}
    days = {"path": "/days", "primary_key": ["id"]}
    home.provide("ledger", url, streams={"days": days}, endpoints={"/entries": {}}, **more)
    home.configure(CONNECTION, sync={"stop_within": "1s"})


async def write(daemon, text):
    """The number under which a write is queued."""
    wish = {"method": "POST", "path": "/entries", "body": text}
    answer = await daemon.tell("request", CONNECTION, **wish)
    assert (answer["status"], answer["source"]) == (202, "outbox")
    return answer["write"]


async def killed_on_its_way(home, ledger):
    """Two writes; the first has arrived, and its answer not yet, when the process is killed."""
    async with running(home) as daemon:
        first, second = await write(daemon, "a"), await write(daemon, "b")
        ledger.mood = "silent"
        await daemon.call("POST", "outbox-retry", json={"write": first})  # it rests for seconds
        with trio.fail_after(WAIT_S):
            await ledger.more.wait()
        assert await daemon.stop(signal.SIGKILL) == -signal.SIGKILL
    begun = [each for each in home.log() if each["type"] == "write-begun"]
    assert begun[-1]["write"] == first, "what leaves is on disk before"
    ledger.mood = "up"
    return first, second


async def test_without_a_key_it_is_in_doubt_until_a_person_says_that_it_arrived(home):
    ledger = Ledger()
    async with serving(ledger) as server:
        configure(home, server.url, keyed=False)
        first, second = await killed_on_its_way(home, ledger)
        async with running(home) as daemon:
            waiting = (await daemon.ask("outbox"))["writes"]
            assert [each["phase"] for each in waiting] == ["in-doubt", "queued"]
            status = await daemon.ask("status")
            assert status["writes"] == {"waiting": 2, "in_doubt": 1}
            shown = await daemon.ask("outbox-write", write=first)
            assert (shown["path"], shown["body"], shown["key"]) == ("/entries", "a", None)
            assert [body for body, _ in ledger.arrived] == [b"a"]
            answer = await daemon.call("POST", "outbox-delivered", json={"write": first})
            assert answer.status_code == 200
            await daemon.said("write-delivered", write=second)
            assert [body for body, _ in ledger.arrived] == [b"a", b"b"]
            assert await daemon.stop() == 0
        (settled,) = [each for each in home.log() if each["type"] == "write-settled"]
        assert settled["write"] == first


async def test_with_a_key_it_is_sent_again_with_the_same_one(home):
    ledger = Ledger()
    async with serving(ledger) as server:
        configure(home, server.url, keyed=True)
        first, second = await killed_on_its_way(home, ledger)
        async with running(home) as daemon:
            await daemon.said("write-delivered", write=first)
            await daemon.said("write-delivered", write=second)
            assert (await daemon.ask("outbox"))["writes"] == []
            assert await daemon.stop() == 0
        assert [body for body, _ in ledger.arrived] == [b"a", b"a", b"b"]
        one, again, other = (key for _, key in ledger.arrived)
        assert one == again
        assert other not in (None, one)
