"""Is everybody who was told of a tenant noted, a minute at a time, whatever they asked with?"""

from contextlib import asynccontextmanager

import httpx
import pytest
import trio

from daemon import auditor
from daemon.auditor import Auditor
from daemon.control import speaking
from daemon.control.operation import Role
from daemon.control.operations import OPERATIONS, STREAMS
from daemon.control.server import application
from daemon.exchange import Response
from daemon.provider_file import ProviderFile
from daemon.stream_file import Stream
from events.access import FleetRead, TenantRead
from events.schema import DaemonStopped
from events.terms import Caller
from tests.fakes.in_process import InProcess, play

pytestmark = pytest.mark.requirement("D7")

ACME, GLOBEX = "acme/health", "globex/health"
MINUTE_S = 60


class Two(InProcess):
    """Two tenants, and whoever asks over the control API as that user."""

    names = (ACME, GLOBEX)

    def __init__(self):
        super().__init__()
        self.file = ProviderFile(
            name="health",
            base_url="https://health.example",
            streams={"steps": Stream(path="/steps", primary_key=("id",))},
        )

    async def send(self, request):
        return Response(status=200, headers={}, body=b'[{"id": 1}]', duration_ms=1)

    @asynccontextmanager
    async def asking(self, daemon, role=Role.VIEWER):
        app = application(self.desk(daemon), role)

        async def known(scope, receive, send):
            await app({**scope, "state": {"uid": 0, "gone": lambda: False}}, receive, send)

        transport = httpx.ASGITransport(known)
        async with httpx.AsyncClient(transport=transport, base_url="http://rounds") as client:
            yield client

    def tenant(self, name):
        return self.vault.subject("tenant", name)

    def reads(self):
        return [(each.subject, each.event) for each in self.events(TenantRead, FleetRead)]


def scene(act, role=Role.VIEWER):
    """Let a daemon live, and somebody ask; what was recorded by the end."""

    made = []

    async def playing():
        made.append(Two())
        async with made[0].life() as daemon:
            await trio.sleep(1)  # its first syncs are over
            async with made[0].asking(daemon, role) as client:
                await act(client, daemon)

    play(playing)
    return made[0]


def test_who_polls_each_second_is_one_event_a_minute():
    async def act(client, _):
        for _ in range(100):
            await client.get(f"/v1/connection?connection={ACME}")
            await trio.sleep(1)

    two = scene(act)
    (first, second) = two.reads()
    assert {first[0], second[0]} == {two.tenant("acme")}
    assert first[1].by == Caller(uid=0, role="viewer")
    counted = [each.operations["connection"] for _, each in (first, second)]
    assert sum(counted) == 100
    assert 60 <= counted[0] <= 62


def test_an_answer_over_all_is_one_event_of_the_fleet():
    async def act(client, _):
        for name in ("status", "queue", "connections", "breakers", "schedule", "log", "status"):
            assert (await client.get(f"/v1/{name}")).status_code == 200, name

    ((subject, read),) = scene(act).reads()
    assert (subject, read.tenants) == (0, None)
    assert read.operations["status"] == 2
    assert len(read.operations) == 6


def test_what_was_told_before_a_stop_is_noted_before_its_end():
    async def act(client, _):
        await client.get(f"/v1/connection?connection={GLOBEX}")

    two = scene(act)
    *_, read, stopped = two.events(TenantRead, DaemonStopped)
    assert isinstance(read.event, TenantRead)
    assert read.subject == two.tenant("globex")
    assert read.seq < stopped.seq


def test_who_asks_for_nobody_who_is_there_was_told_of_nobody():
    async def act(client, _):
        found = await client.get("/v1/connection?connection=initech/health")
        assert found.status_code == 404
        assert (await client.get("/v1/providers")).status_code == 200
        assert (await client.post("/v1/vault-rotate", json={})).status_code == 403

    assert scene(act).reads() == []


def test_who_is_told_that_they_may_not_was_told_of_nobody():
    async def act(client, _):
        refused = await client.post("/v1/pause", json={"connection": ACME})
        assert refused.status_code == 403

    assert scene(act).reads() == []


def test_commands_tell_of_a_tenant_too():
    async def act(client, _):
        await client.post("/v1/pause", json={"connection": ACME})

    ((_, read),) = scene(act, Role.OPERATOR).reads()
    assert read.operations == {"pause": 1}


def test_a_daemon_that_nobody_asks_does_not_wake_for_it():
    async def act(client, daemon):
        before = daemon.auditor._some.statistics().tasks_waiting
        await trio.sleep(10 * MINUTE_S)
        assert before == daemon.auditor._some.statistics().tasks_waiting == 1

    assert scene(act).reads() == []


def test_a_stream_counts_once_when_it_is_opened():
    made = []

    async def playing():
        two = Two()
        made.append(two)
        async with two.life() as daemon:
            app = application(two.desk(daemon), Role.VIEWER)
            opened = trio.Event()

            async def receive():
                if opened.is_set():
                    await trio.sleep(3 * MINUTE_S)
                    return {"type": "http.disconnect"}
                opened.set()
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(_):
                await trio.lowlevel.checkpoint()

            scope = {
                "type": "http",
                "method": "GET",
                "path": "/v1/tail",
                "query_string": b"",
                "headers": [],
                "state": {"uid": 0, "gone": lambda: True},
            }
            await app(scope, receive, send)

    play(playing)
    ((subject, read),) = made[0].reads()
    assert (subject, read.operations) == (0, {"tail": 1})


async def test_what_is_more_than_is_told_apart_counts_as_of_all(monkeypatch):
    """The memory for it has a bound, and nobody is told of whom it is not noted."""
    two = Two()
    noted = Auditor(type("Journal", (), {"clock": two.clock})())
    monkeypatch.setattr(auditor, "KEPT_MAX", 3)
    by = Caller(uid=0, role="viewer")
    for tenant in (1, 2, 3, 4, 5, 1):
        noted.note(by, "data", frozenset({tenant}))
    counts = {tenants: count.operations["data"] for (_, tenants), count in noted._told.items()}
    assert counts == {frozenset({1}): 2, frozenset({2}): 1, frozenset({3}): 1, None: 2}


def test_every_operation_and_stream_says_of_whom_it_speaks():
    names = [each.name for each in (*OPERATIONS, *STREAMS)]
    assert sorted(names) == sorted(speaking.BY_NAME), (
        "name it in speaking.BY_NAME, under what it tells"
    )


def test_what_takes_a_name_says_that_it_speaks_of_whom_it_names():
    for each in (*OPERATIONS, *STREAMS):
        named = {*speaking.WHOSE} & set(each.takes.__struct_fields__)
        speaks = speaking.BY_NAME[each.name]
        assert bool(named) == (speaks in {speaking.Speaks.NAMED, speaking.Speaks.NAMED_ALONE})
