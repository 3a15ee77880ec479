"""Does somebody who may see one tenant alone learn anything of another, whatever they ask?"""

import re
from contextlib import asynccontextmanager
from datetime import date

import httpx
import msgspec
import pytest
import trio
from msgspec.structs import replace

from daemon import access
from daemon.access import AccessRule
from daemon.control import narrowed
from daemon.control.operation import Role
from daemon.control.operations import OPERATIONS, STREAMS
from daemon.control.server import application
from daemon.exchange import CallLost, Response
from daemon.provider_file import ProviderFile
from daemon.stream_file import Stream
from events.access import TenantRead
from events.breakers import BreakerOpened, BreakerReason
from events.envelope import Recorded
from events.terms import FailureClass
from tests.fakes.in_process import InProcess, play

pytestmark = [pytest.mark.requirement("D7"), pytest.mark.requirement("A16")]

ACME, CANARY, NOBODY = "acme/health", "canarycorp/health", "nobodycorp/health"
IDS = 7_770_000  # so that what is the other tenant's number can be told from any count
SECRET = "singing"  # in the other tenant's records alone
GUEST, BOSS = 4_001, 4_002
ROLES = ("viewer", "operator", "admin")
REST = {
    "answer": "x",
    "before": "3",
    "client_id": "x",
    "first": date(2026, 1, 1).isoformat(),
    "last": date(2026, 1, 2).isoformat(),
    "path": "/steps",
    "state": "x",
    "stream": "steps",
    "to": "3",
    "timeout_s": 1,
    "threshold_hours": 5,
    "data_type": "phone",
    "event": 3,
    "status": "healthy",
    "success": True,
    "metrics": {"records": 4620},
    "reports": [],
}
"""What an operation cannot be asked without, besides whom it is about."""


BY_CHANCE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|[0-9a-f]{16,}")
"""Times and digests: any number may be in them."""

REFUSED = {"log-stats", "process-queue", "snapshots"}
"""Reads that concern all tenants."""

NONE_THERE = {"failure", "outbox-write", "quarantine-version"}
"""Reads of what the guest's own tenant has none of."""


SPOKEN = {each.name: each.takes for each in (*OPERATIONS, *STREAMS)}
WRITE = {"method": "POST", "path": "/canary-steps"}


class Two(InProcess):
    """Two tenants, the second of whom the guest may not see."""

    names = (ACME,)

    def __init__(self):
        super().__init__()
        self.word = "plain"
        self.file = ProviderFile(
            name="health",
            base_url="https://health.example",
            streams={"steps": Stream(path="/steps", primary_key=("id",))},
        )

    async def send(self, request):
        if request.method == "POST":
            raise CallLost(FailureClass.NETWORK, "it cannot be reached", sent=False)
        body = b'[{"id": 1, "word": "%s"}]' % self.word.encode()
        return Response(status=200, headers={}, body=body, duration_ms=1)

    def _configuration(self):
        rules = access.Rules(
            users={
                GUEST: AccessRule(tenants=("acme",), role="admin"),
                BOSS: AccessRule(tenants=("*",), role="viewer"),
            }
        )
        return replace(super()._configuration(), rules=rules)

    @asynccontextmanager
    async def asking(self, daemon, role="admin", uid=GUEST):
        app = application(self.desk(daemon), Role[role.upper()])

        async def known(scope, receive, send):
            state = {"uid": uid, "groups": frozenset(), "gone": lambda: False}
            await app({**scope, "state": state}, receive, send)

        transport = httpx.ASGITransport(known)
        async with httpx.AsyncClient(transport=transport, base_url="http://rounds") as client:
            yield client

    async def add_the_other(self, daemon):
        """It has records, a write that waits, settings, an open breaker, and is paused."""
        async with self.asking(daemon, uid=0) as root:
            own = {"source": "acme/phone", "pattern": "ios"}
            assert (await root.post("/v1/source-add", json=own)).is_success
        self.vault.reserve(IDS)
        self.word = SECRET
        async with self.asking(daemon, uid=0) as root:
            for name, wish in (
                ("add", {"connection": CANARY}),
                ("policy-set", {"tenant": "canarycorp", "settings": {"interval": "77m"}}),
                ("policy-set", {"connection": CANARY, "settings": {"interval": "78m"}}),
                ("request", {"connection": CANARY, "body": SECRET} | WRITE),
                ("breaker-open", {"connection": CANARY}),
                ("source-add", {"source": "canarycorp/phone", "pattern": "ios"}),
            ):
                assert (await root.post(f"/v1/{name}", json=wish)).is_success, name
                await trio.sleep(5)
            await root.post("/v1/pause", json={"connection": CANARY})
        self.word = "plain"


def scene(act):
    made = []

    async def playing():
        made.append(Two())
        async with made[0].life() as daemon:
            await trio.sleep(5)
            await made[0].add_the_other(daemon)
            await act(made[0], daemon)

    play(playing)
    return made[0]


def wishes(operation, whom):
    """What can be asked of it: about whom, and about nobody where it takes that."""
    fields = {each.name: each for each in msgspec.structs.fields(operation.takes)}
    tenant, _, provider = whom.partition("/")
    source = provider if "tenant" in fields else f"{tenant}/phone"
    about = {"connection": whom, "tenant": tenant, "write": 9_999_999, "source": source}
    needed = {name for name, each in fields.items() if each.required}
    rest = {name: REST[name] for name in needed if name in REST}
    if "provider" in needed:
        rest["provider"] = provider
    if "settings" in fields and operation.name == "policy-set":
        rest["settings"] = {"interval": "2h"}
    if operation.name == "request":
        rest["method"] = "GET"
    named = {name: value for name, value in about.items() if name in needed}
    yield named | rest
    for name, value in about.items():
        if name in fields and name not in needed:
            yield {name: value} | rest


async def asked(client, operation, wish, **more):
    if operation.method == "GET":
        return await client.get(f"/v1/{operation.name}", params=wish | more)
    return await client.post(f"/v1/{operation.name}", json=wish | more)


def assert_silent(text, what):
    text = BY_CHANCE.sub("", text)
    for word in ("canary", SECRET, str(IDS)[:4], "4620", "4680"):  # 77 and 78 minutes in seconds
        assert word not in text, f"{what} tells of {word}: {text[:2000]}"


@pytest.mark.parametrize("role", ROLES)
def test_no_operation_tells_of_another_tenant(role):
    async def act(two, daemon):
        answered = set()
        async with two.asking(daemon, role) as guest:
            for operation in OPERATIONS:
                if operation.name in {"remove", "vault-rotate", "relink"}:
                    continue  # the next test asks these
                for wish in wishes(operation, ACME):
                    answer = await asked(guest, operation, wish)
                    assert answer.status_code != 500, (operation.name, wish)
                    if answer.status_code == 200:
                        answered.add(operation.name)
                    assert_silent(answer.text, (operation.name, wish))
                    if operation.as_of and answer.status_code == 200:
                        head = daemon.journal.head.seq
                        then = await asked(guest, operation, wish, at=str(head))
                        assert then.status_code == 200, (operation.name, wish, then.text)
                        assert_silent(then.text, (operation.name, wish, "at"))
        may = {each.name for each in OPERATIONS if each.role <= Role[role.upper()]}
        reads = {each.name for each in OPERATIONS if each.method == "GET"} & may
        assert reads - answered == (REFUSED | NONE_THERE) & may

    scene(act)


@pytest.mark.parametrize("role", ROLES)
def test_of_another_tenant_is_said_what_is_said_of_who_is_not_there(role):
    async def act(two, daemon):
        async with two.asking(daemon, role) as guest:
            for operation in OPERATIONS:
                told = []
                for whom in (CANARY, NOBODY):
                    for wish in wishes(operation, whom):
                        if not {"connection", "tenant", "source"} & set(wish):
                            continue
                        answer = await asked(guest, operation, wish)
                        assert answer.status_code in {400, 403, 404}, (operation.name, answer.text)
                        if operation.as_of:
                            then = await asked(guest, operation, wish, at="5")
                            told.append((whom, then.status_code, then.text))
                        told.append((whom, answer.status_code, answer.text))
                theirs = [each[1:] for each in told if each[0] == CANARY]
                nobody = [each[1:] for each in told if each[0] == NOBODY]
                said = [(code, text.replace("canary", "nobody")) for code, text in theirs]
                assert said == nobody, operation.name

    two = scene(act)
    canary = two.vault.subject("tenant", "canarycorp")
    reads = [each for each in two.events(TenantRead) if each.subject == canary]
    assert {each.event.by.uid for each in reads} == {0}


def test_counts_and_totals_are_of_what_is_seen():
    async def act(two, daemon):
        async with two.asking(daemon) as guest, two.asking(daemon, uid=BOSS) as boss:
            own = (await guest.get("/v1/status")).json()
            whole = (await boss.get("/v1/status")).json()
            assert (own["connections"], own["paused"], own["succeeded"]) == (1, 0, 1)
            assert (whole["connections"], whole["paused"], whole["succeeded"]) == (2, 1, 2)
            for client, connections in ((guest, 1), (boss, 2)):
                (health,) = (await client.get("/v1/providers")).json()["providers"]
                assert health["connections"] == connections
                found = (await client.get("/v1/connections")).json()["connections"]
                assert len(found) == connections

    scene(act)


def test_a_write_of_another_tenant_is_not_there():
    async def act(two, daemon):
        ((write,),) = daemon.journal.world.outboxes.values()
        async with two.asking(daemon) as guest, two.asking(daemon, uid=0) as root:
            assert (await root.get("/v1/outbox")).json()["writes"]
            assert (await guest.get("/v1/outbox")).json()["writes"] == []
            assert (await guest.get("/v1/status")).json()["writes"] is None
            for number in (write.number, write.number + 1):
                shown = await guest.get("/v1/outbox-write", params={"write": number})
                words = f"no write {number} waits"
                assert (shown.status_code, words in shown.text) == (404, True)
                dropped = await guest.post("/v1/outbox-drop", json={"write": number})
                assert (dropped.status_code, words in dropped.text) == (404, True)
        assert daemon.journal.world.outboxes

    scene(act)


def test_the_log_and_the_audit_are_their_own():
    async def act(two, daemon):
        async with two.asking(daemon, uid=BOSS) as boss:
            for name in (ACME, CANARY):
                await boss.get("/v1/connection", params={"connection": name})
        await trio.sleep(70)
        async with two.asking(daemon) as guest:
            events = (await guest.get("/v1/log", params={"limit": 500})).json()["events"]
            assert {each["name"] for each in events} == {"acme", ACME, "acme/phone"}
            after = events[2]["seq"]
            some = (await guest.get("/v1/log", params={"after": after, "limit": 2})).json()
            assert some["events"] == events[3:5]
            reads = (await guest.get("/v1/audit-reads")).json()["reads"]
            assert {str(each["tenants"]) for each in reads} <= {"['acme']", "None"}
            assert GUEST not in {each["uid"] for each in reads}
            assert [each["uid"] for each in reads if each["tenants"]] == [0, BOSS]

    scene(act)


OF_STREAM = {
    "tail": {"after": 0},
    "watch": {"connection": ACME},
    "replay": {"connection": ACME, "from": "1"},
}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda each: each.name)
def test_no_stream_tells_of_another_tenant(stream):
    async def act(two, daemon):
        desk = narrowed.desk_for(two.desk(daemon), frozenset({"acme"}))
        wish = OF_STREAM[stream.name]
        items = await stream.open(desk, msgspec.convert(wish, stream.takes))
        told = []
        with trio.move_on_after(30):
            async with trio.open_nursery() as nursery:

                async def follow():
                    async for each in items:
                        told.append(msgspec.json.encode(each).decode())  # noqa: PERF401 - it has no end

                nursery.start_soon(follow)
                await trio.sleep(1)
                async with two.asking(daemon, uid=0) as root:
                    for name in (ACME, CANARY):
                        await root.post("/v1/sync", json={"connection": name, "force": True})
        assert told
        assert_silent("\n".join(told), stream.name)

    scene(act)


def test_an_empty_name_is_nobodys_and_does_not_stand_for_all():
    """Left out, it may be asked of all, with an event that says so; empty, it went past both."""
    asked_for = [
        (each.name, field.name)
        for each in (*OPERATIONS, *STREAMS)
        if getattr(each, "method", "GET") == "GET"
        for field in msgspec.structs.fields(each.takes)
        if field.name in {"connection", "tenant", "provider", "source"} and not field.required
    ]
    assert {("replay", "connection"), ("diff", "connection"), ("tail", "connection")} <= {
        *asked_for
    }

    async def act(two, daemon):
        async with two.asking(daemon, uid=0) as root:
            for operation, name in asked_for:
                fields = msgspec.structs.fields(SPOKEN[operation])
                needed = [each for each in fields if each.required]
                rest = {each.encode_name: REST.get(each.name, "3") for each in needed}
                answer = await root.get(f"/v1/{operation}", params=rest | {name: ""})
                assert answer.status_code == 400, (operation, name)
                assert f"{name} is empty" in answer.json()["message"], operation

    scene(act)


def test_a_providers_breaker_does_not_tell_how_many_failed_of_others():
    async def act(two, daemon):
        async with two.asking(daemon, uid=0) as root:
            await root.post("/v1/breaker-open", json={"provider": "health"})
        async with two.asking(daemon, uid=GUEST) as asking:
            there = (await asking.get("/v1/connection", params={"connection": ACME})).json()
        (seen,) = there["connection"]["breakers"]
        assert (seen["place"], seen["openings"], seen["told"]) == ("provider", 0, 0)
        whole = two.desk(daemon)
        guest = narrowed.desk_for(whole, frozenset({"acme"}))
        own, _ = whole.find(ACME)
        shared = daemon.journal.world.connections[own].provider
        now = daemon.journal.clock.now()
        opened = BreakerOpened(reason=BreakerReason.CALLS, until=now, failures=77)
        for subject, shown in ((shared, 0), (own, 77)):
            recorded = Recorded(seq=9, at=now, subject=subject, event=opened)
            assert guest.view(recorded).event.failures == shown
            assert whole.view(recorded).event.failures == 77

    scene(act)


def test_who_sees_some_alone_does_nothing_that_concerns_all():
    async def act(two, daemon):
        async with two.asking(daemon) as guest:
            for name, wish in (
                ("vault-rotate", {}),
                ("snapshot-take", {}),
                ("sync-all", {}),
                ("policy-set", {"settings": {"interval": "1h"}}),
                ("policy-set", {"provider": "health", "settings": {"interval": "1h"}}),
                ("breaker-open", {"provider": "health"}),
                ("add", {"connection": CANARY}),
                ("add", {"connection": NOBODY}),
            ):
                answer = await guest.post(f"/v1/{name}", json=wish)
                assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed"), name
            for name in ("log-stats", "replay?from=1", "diff?before=3"):
                assert (await guest.get(f"/v1/{name}")).status_code == 403, name

    scene(act)


def test_what_is_theirs_they_work_with_as_ever():
    async def act(two, daemon):
        async with two.asking(daemon) as guest:
            done = await guest.post("/v1/sync", json={"connection": ACME})
            assert done.status_code == 200
            assert (await guest.post("/v1/add", json={"connection": "acme/health/2"})).is_success
            await trio.sleep(10)
            data = await guest.get("/v1/data", params={"connection": ACME, "stream": "steps"})
            assert [each["word"] for each in data.json()["records"]] == ["plain"]
            assert len((await guest.get("/v1/connections")).json()["connections"]) == 2

    scene(act)


def test_the_role_of_a_rule_bounds_that_of_the_socket():
    async def act(two, daemon):
        async with two.asking(daemon, "admin", uid=BOSS) as boss:
            refused = await boss.post("/v1/pause", json={"connection": ACME})
            assert refused.status_code == 403
            assert "the configuration gives you viewer" in refused.json()["message"]
        async with two.asking(daemon, "viewer") as guest:
            refused = await guest.post("/v1/pause", json={"connection": ACME})
            assert "the socket gives viewer" in refused.json()["message"]
        async with two.asking(daemon, uid=4_999) as stranger:
            assert (await stranger.get("/v1/status")).status_code == 403

    scene(act)
