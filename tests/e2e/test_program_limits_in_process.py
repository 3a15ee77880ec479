"""Do programs that go through the whole gateway keep to their tenant's limits, and hear of them?"""

import httpx
import msgspec
import pytest
import trio

from daemon import commands
from daemon.control.operation import Role
from daemon.control.server import application
from daemon.exchange import CallLost, Response
from daemon.provider_file import Endpoint
from events.gateway import CallerAllowanceTaken, CallKind, CallMade
from events.policy import Settings
from events.schema import FLEET
from events.terms import FailureClass
from tests.e2e.test_queue_in_process import Slow
from tests.fakes.in_process import play

pytestmark = pytest.mark.requirement("E3")
UNKEPT = Endpoint(cached=False)  # a kept answer would do, and nobody be refused
ITEM = "/items/{id}"


class Shop(Slow):
    """Answers at once; the next ones fail, as many as `failing` says. `arrivals` are by time."""

    def __init__(self):
        super().__init__()
        self.file = msgspec.structs.replace(self.file, endpoints={ITEM: UNKEPT})
        self.failing = 0
        self.arrivals = []

    async def send(self, request):
        self.arrivals.append(trio.current_time())
        if self.failing:
            self.failing -= 1
            raise CallLost(FailureClass.SERVER, "it is down", status=503)
        return Response(status=200, headers={}, body=b"{}", duration_ms=1)

    def client(self, daemon, role=Role.OPERATOR):
        app = application(self.desk(daemon), role)

        async def known(scope, receive, send):
            await app({**scope, "state": {"uid": 0}}, receive, send)

        return httpx.AsyncClient(
            transport=httpx.ASGITransport(known), base_url="http://rounds", timeout=None
        )


def wish(number=1, **more):
    return {"connection": "acme/health", "path": f"/items/{number}", "timeout_s": 30} | more


async def asked(client, **more):
    return await client.post("/v1/request", json=wish(**more))


def scene(act, **settings):
    """Let a daemon live with these settings of its fleet, and act."""

    async def playing():
        shop = Shop()
        async with shop.life() as daemon:
            await trio.sleep(1)  # its first sync is over
            set_ = commands.SetSettings(subject=FLEET, settings=Settings(**settings))
            daemon.journal.execute(set_)
            shop.arrivals.clear()
            async with shop.client(daemon) as client:
                await act(shop, client, daemon)

    play(playing)


def test_who_is_over_the_limit_hears_when_to_come_back_and_is_let_go_then():
    async def act(shop, client, daemon):
        for number in range(3):
            assert (await asked(client, number=number)).status_code == 200
        refused = await asked(client, number=3)
        assert (refused.status_code, refused.json()["code"]) == (429, "limited")
        rest = int(refused.headers["retry-after"])
        assert 60 < rest < 64
        assert (
            f"kind read a minute to {ITEM}, and these are used up; come back in {rest} s"
            in (refused.json()["message"])
        )
        assert len(shop.arrivals) == 3
        await trio.sleep(rest)
        assert (await asked(client)).status_code == 200
        assert shop.arrivals[3] - shop.arrivals[0] > 60

    scene(act, caller_reads=3)


def test_who_has_the_time_waits_its_turn():
    async def act(shop, client, daemon):
        async with trio.open_nursery() as callers:
            for number in range(6):
                callers.start_soon(lambda n=number: asked(client, number=n, timeout_s=90))
        first, last = shop.arrivals[0], shop.arrivals[-1]
        assert len(shop.arrivals) == 6
        assert 60 < last - first < 64

    scene(act, caller_reads=3)


def test_each_exchange_of_a_call_that_is_made_again_counts():
    async def act(shop, client, daemon):
        shop.failing = 2
        answer = await asked(client)
        assert (answer.status_code, answer.json()["attempts"]) == (200, 3)
        assert (await asked(client)).status_code == 429
        await trio.sleep(1)  # nobody waits for the commit of what is only noted
        assert len(shop.arrivals) == len(shop.events(CallMade)) == 3
        taken = [each.event.calls for each in shop.events(CallerAllowanceTaken)]
        assert sum(taken) == 3

    scene(act, caller_reads=3)


def test_a_call_that_is_refused_by_us_is_not_made_again_and_is_nobodys_failure():
    async def act(shop, client, daemon):
        await asked(client)
        before = trio.current_time()
        assert (await asked(client, timeout_s=50)).status_code == 429
        assert trio.current_time() - before < 1
        await trio.sleep(1)
        assert len(shop.events(CallMade)) == 1

    scene(act, caller_reads=1)


def test_a_kind_is_told_from_the_method_or_said_and_each_has_its_own_limit():
    async def act(shop, client, daemon):
        for more in ({}, {"method": "POST"}, {"kind": "rpc"}, {"method": "POST", "kind": "auth"}):
            assert (await asked(client, **more)).status_code == 200
            assert (await asked(client, **more)).status_code == 429
        taken = [each.event for each in shop.events(CallerAllowanceTaken)]
        assert [each.kind for each in taken] == [*CallKind]
        assert {each.endpoint for each in taken} == {ITEM}

    ones = dict.fromkeys(("caller_reads", "caller_writes", "caller_rpcs", "caller_auths"), 1)
    scene(act, **ones)


def test_methods_share_a_kind_and_paths_that_no_file_declares_share_a_limit():
    async def act(shop, client, daemon):
        assert (await asked(client, path="/one")).status_code == 200
        assert (await asked(client, path="/two", method="HEAD")).status_code == 200
        refused = await asked(client, path="/three")
        assert refused.status_code == 429
        assert "/three" not in refused.text
        assert (await asked(client, number=1)).status_code == 200

    scene(act, caller_reads=2)


def test_an_admins_call_leaves_where_an_operators_is_refused():
    async def act(shop, client, daemon):
        assert (await asked(client)).status_code == 200
        assert (await asked(client)).status_code == 429
        async with shop.client(daemon, Role.ADMIN) as admin:
            assert (await asked(admin)).status_code == 200
            assert (await asked(admin)).status_code == 429

    scene(act, caller_reads=2, caller_operator_share=0.5)


def test_syncs_take_nothing_of_it():
    async def act(shop, client, daemon):
        for _ in range(5):
            recorded = daemon.journal.execute(commands.Request(subject=shop.subject))
            assert recorded
            await trio.sleep(5)
        assert len(shop.arrivals) >= 5
        assert shop.events(CallerAllowanceTaken) == []

    scene(act, caller_reads=1)
