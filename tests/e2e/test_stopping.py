"""It stops within its bound, whoever hangs, and takes up again what it cut short."""

import pytest
import trio

from tests.e2e.daemon import WAIT_S, running
from tests.rest import provider
from tests.rest.provider import ok

DAYS = {"days": {"path": "/days", "primary_key": ["id"]}}


class Gate:
    """A provider that keeps everybody waiting until it is opened."""

    def __init__(self):
        self.reached = trio.Event()
        self.opened = trio.Event()

    def __call__(self, _asked):
        async def answer(stream):
            self.reached.set()
            await self.opened.wait()
            await stream.send_all(ok([{"id": 1}]))

        return answer


async def test_a_stop_lets_what_runs_finish(home):
    gate = Gate()
    async with provider.serving(gate) as server:
        home.provide("shop", server.url, streams=DAYS)
        home.configure("acme/shop")
        async with running(home) as daemon:
            await gate.reached.wait()
            daemon.process.terminate()
            await daemon.said("stopping")
            gate.opened.set()
            assert await daemon.end() == 0
    assert [event["type"] for event in home.log()][-3:] == [
        "sync-succeeded",
        "sync-scheduled",
        "daemon-stopped",
    ]
    assert len(home.view("shop_days")) == 1


async def test_what_does_not_finish_in_time_is_interrupted_and_runs_again(home):
    gate = Gate()
    async with provider.serving(gate) as server:
        home.provide("shop", server.url, streams=DAYS)
        home.configure("acme/shop", sync={"stop_within": "1s"})
        async with running(home) as daemon:
            await gate.reached.wait()
            with trio.fail_after(WAIT_S):
                assert await daemon.stop() == 0
        *_, interrupted, stopped = home.log()
        assert (interrupted["type"], interrupted["reason"]) == ("sync-interrupted", "shutdown")
        assert (stopped["type"], stopped["interrupted"]) == ("daemon-stopped", 1)
        gate.opened.set()
        async with running(home) as daemon:
            await daemon.said("sync-succeeded")
            assert await daemon.stop() == 0


async def test_a_client_that_does_not_read_does_not_keep_it_from_stopping(home):
    async with provider.serving(ok([])) as server:
        home.provide("shop", server.url, streams=DAYS)
        home.configure("acme/shop")
        async with running(home) as daemon:
            await daemon.said("sync-succeeded")
            async with daemon.client() as client:
                for number in range(600):  # twice what a socket's buffer takes
                    operation = "resume" if number % 2 else "pause"
                    done = await client.post(f"/v1/{operation}", json={"connection": "acme/shop"})
            (last,) = done.json()["events"]
            async with await daemon.follow(after=0) as deaf:
                assert await deaf.receive_some(64)
                await daemon.events(after=0, last=last)  # by then the other's buffer is full
                assert await daemon.stop() == 0


@pytest.mark.parametrize("number", [2, 15])
async def test_both_signals_that_ask_for_it_are_heeded(home, number):
    home.configure()
    async with running(home) as daemon:
        assert await daemon.stop(number) == 0
    assert [event["type"] for event in home.log()][-1] == "daemon-stopped"
