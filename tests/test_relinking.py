"""A connection moves to another provider, and no moment of it loses it or tells a secret."""

import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest
import trio
from msgspec.structs import replace

from daemon import account, relinking
from daemon.auth_file import ApiKey
from daemon.cache.cache import Cache
from daemon.cache.shelf import Shelf
from daemon.commands import Pause
from daemon.configuration import Configuration, Declared, Settings, shipped
from daemon.control import accounts, membership, records, versions
from daemon.control import relinking as control
from daemon.control.account_messages import AuthorizeAnswer, AuthorizeWish, ProviderClient
from daemon.control.data_messages import DataDiffQuery, DataQuery, DataVersionsQuery
from daemon.control.desk import Desk, Refused
from daemon.control.messages import ConnectionName, NewConnection
from daemon.control.provider_messages import RelinkWish
from daemon.exchange import CallLost, Request, Response
from daemon.gateway.asking import Wish
from daemon.parts import Parts
from daemon.places import Places
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.read_model.scribe import UNSEEN_S
from daemon.relinking import MOVE
from daemon.stream_file import Stream
from daemon.strict_toml import ConfigurationError
from daemon.vault import VaultFull, open_vault
from events.codec import decode
from events.outbox import WriteInDoubt
from events.schema import (
    ConnectionRelinked,
    ProviderRetired,
    RecordsCaptured,
    RetirementAnnounced,
    SyncFailed,
    SyncSucceeded,
)
from events.terms import Caller, FailureClass
from projections.grant import Phase
from tests import moved
from tests.dying import ROOT
from tests.fakes.in_process import InProcess, _run
from tests.fakes.memory_log import MemoryLog

pytestmark = pytest.mark.requirement("X7")

BY = Caller(uid=0, role="admin")
OLD, NEW = "acme/old", "acme/new"
KEY, OTHER_KEY = "key-of-old", "key-of-new"


# -- the vault, after every death -----------------------------------------------------------------


@pytest.fixture
def state(tmp_path):
    directory = tmp_path.resolve() / "state"
    directory.mkdir()
    with closing(open_vault(directory, None)) as vault:
        moved.intend(vault)
    return directory


def test_what_was_intended_and_never_recorded_is_dropped(state):
    with closing(open_vault(state, None)) as vault:
        relinking.settle(moved.world(vault, moved=False), vault)
        tenant, *_, subject = moved.subjects(vault)
        assert vault.name(subject) == moved.OLD
        assert vault.open(tenant, subject, account.CREDENTIAL).reveal() == moved.CREDENTIAL
        assert vault.open(tenant, subject, account.GRANT).reveal() == moved.PAIR
        assert vault.keepers(MOVE) == []


def test_wherever_it_dies_the_next_start_carries_it_out_whole(state, tmp_path):
    victims = tmp_path.resolve() / "victims"
    victims.mkdir()
    words = [sys.executable, "-m", "tests.moved", str(state), str(victims)]
    subprocess.run(words, check=True, cwd=ROOT, timeout=120)
    dead = sorted(victims.iterdir())
    assert len(dead) > 15, "it died at every line"
    for each in dead:
        with closing(open_vault(each, None)) as vault:
            relinking.settle(moved.world(vault, moved=True), vault)
            check_moved(vault)
        held = b"".join(file.read_bytes() for file in each.iterdir())
        assert moved.OLD.encode() not in held


def check_moved(vault):
    tenant, *_, subject = moved.subjects(vault)
    assert (vault.name(subject), vault.subject("connection", moved.OLD)) == (moved.NEW, None)
    assert vault.open(tenant, subject, account.CREDENTIAL).reveal() == moved.TO.credential
    assert account.own_settings(vault, tenant, subject) == moved.TO.settings
    assert vault.open(tenant, subject, account.GRANT) is None
    assert vault.keepers(MOVE) == []


def test_a_shut_subject_shows_and_takes_nothing(state):
    with closing(open_vault(state, None)) as vault:
        tenant, *_, subject = moved.subjects(vault)
        vault.shut(subject)
        assert vault.open(tenant, subject, account.CREDENTIAL) is None
        with pytest.raises(VaultFull):
            vault.seal(tenant, subject, account.GRANT, account.Secret("x"))
        vault.replace_all(tenant, subject, moved.NEW, {})
        vault.seal(tenant, subject, account.GRANT, account.Secret("x"))
        assert vault.count() == 1


def test_a_name_that_was_only_given_for_later_gives_way(state):
    with closing(open_vault(state, None)) as vault:
        later = vault.enrol("connection", moved.NEW)
        tenant, *_ = moved.subjects(vault)
        subject = vault.subject("connection", moved.OLD)
        vault.replace_all(tenant, subject, moved.NEW, {})
        assert (vault.name(later), vault.name(subject)) == (f"#{later}", moved.NEW)
    with closing(open_vault(state, None)) as vault:
        assert vault.subject("connection", moved.NEW) == subject
        assert vault.enrol("connection", moved.OLD) > subject


# -- a whole daemon -------------------------------------------------------------------------------


def file(name, **more):
    auth = ApiKey(header="X-Key")
    streams = {each: Stream(path="/days", records="@", primary_key=("id",)) for each in ("days",)}
    return ProviderFile(
        name=name, base_url=f"https://{name}.example", auth=auth, streams=streams, **more
    )


class Moving(InProcess):
    """Two providers; the old one is gone once `gone` is set. What each was sent, by host."""

    def __init__(self, **declared):
        super().__init__()
        self.declared = declared
        self.gone = False
        self.writes = None
        self.read = None
        self.headers = {}
        self.seen = []

    async def send(self, request: Request) -> Response:
        key = request.secret_headers["x-key"].reveal() if request.secret_headers else None
        host = request.url.split("/")[2].removesuffix(".example")
        self.seen.append((host, key))
        if request.method == "POST" and self.writes is not None:
            raise self.writes.copy()
        if host == "old" and self.gone:
            cause, message = FailureClass.RETIRED, "gone"
            raise CallLost(cause, message, status=410, headers=self.headers)
        body = b'[{"id": 1}]' if host == "old" else b'[{"id": 1}, {"id": 2}]'
        return Response(status=200, headers=self.headers, body=body, duration_ms=1, size=len(body))

    def _parts(self, log: MemoryLog) -> Parts:
        return Parts(
            log=log,
            store=self.store,
            run=_run,
            cache=Cache(Shelf(None), _run),
            vault=self.vault,
            clock=self.clock,
            configuration=self.configuration(),
            connect=lambda file: Provider(file=file, send=self.send, send_token=self.send_token),
            bridge=lambda journal: journal,
            state=None,
            version="simulated",
            read=self.read,
        )

    def configuration(self):
        files = {"old": file("old", successor="new"), "new": file("new"), "last": file("last")}
        settings = Settings(connections=self.declared)
        return Configuration(settings=settings, providers=files, files=(), own=frozenset(files))

    def desk(self, daemon, tmp_path):
        return Desk.of(
            daemon,
            self.vault,
            self.configuration(),
            Places(config=tmp_path / "c", state=tmp_path, socket=tmp_path),
            "simulated",
        )

    async def until(self, event, count=1):
        with trio.fail_after(86_400):
            while len(self.events(event)) < count:  # noqa: ASYNC110 - a log tells nobody
                await trio.sleep(1)

    async def add(self, desk):
        await membership.add(desk, NewConnection(connection=OLD, credential=KEY), BY)
        await self.until(SyncSucceeded)


async def relinked(desk, **more):
    return await control.relink(desk, RelinkWish(connection=OLD, **more), BY)


async def shown(desk, name=NEW, **more):
    return await records.data(desk, DataQuery(connection=name, stream="days", **more), BY)


async def test_it_moves_with_its_past_and_goes_on_at_the_new_one(autojump_clock, tmp_path):
    made = Moving()
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        subject = made.vault.subject("connection", OLD)
        answer = await relinked(desk, credential=OTHER_KEY)
        assert answer.message.startswith(
            "it is moved to new, and is called acme/new there; its cred"
        )
        assert "rounds data show acme/new days --provider old" in answer.message
        assert answer.message.endswith("its first sync starts at once")
        assert made.vault.subject("connection", NEW) == subject
        before = await shown(desk)
        assert (before.provider, before.rows, before.last_good) == ("old", 1, "relinked")
        await made.until(SyncSucceeded, 2)
        now, then = await shown(desk), await shown(desk, provider="old")
        assert (now.provider, now.rows, now.last_good) == ("new", 2, None)
        assert (then.provider, then.rows, then.last_good) == ("old", 1, "relinked")
        with pytest.raises(Refused, match="days of old"):
            await shown(desk, provider="last")
        assert daemon.journal.world.connections[subject].health.total == 2
        live = daemon.journal.world.connections[subject]
    async with made.life() as daemon:
        assert daemon.journal.world.connections[subject] == live
        assert (await shown(made.desk(daemon, tmp_path))).rows == 2
    assert made.seen == [("old", KEY), ("new", OTHER_KEY)]


@pytest.mark.requirement("X4")
async def test_its_data_of_then_is_that_of_the_provider_it_was_at(autojump_clock, tmp_path):
    made = Moving()
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        await relinked(desk, credential=OTHER_KEY)
        await made.until(SyncSucceeded, 2)
        first, second = (each.seq for each in made.events(RecordsCaptured))
        then, now = await shown(desk, as_of=str(second - 1)), await shown(desk, as_of=str(second))
        assert (then.provider, then.records) == ("old", [{"id": 1}])
        assert (now.provider, now.rows) == ("new", 2)
        with pytest.raises(Refused, match=f"at event {first} yet; its first version"):
            await shown(desk, as_of=str(first), provider="new")
        listed = await versions.listing(desk, DataVersionsQuery(connection=NEW, stream="days"), BY)
        assert [each.provider for each in listed.versions] == ["new", "old"]
        found = await versions.diff(desk, DataDiffQuery(connection=NEW, stream="days"), BY)
        assert (found.added, found.as_of.version) == (2, 0), "the first version there"


async def test_the_old_key_never_reaches_the_new_provider(autojump_clock, tmp_path, monkeypatch):
    """The disk is full from the event on: the vault cannot follow, and the next start does."""
    made = Moving()
    tried = []

    def full(*_):
        tried.append(trio.current_time())
        raise VaultFull

    with monkeypatch.context() as patched:
        patched.setattr(relinking, "_carry_out", full)
        async with made.life() as daemon:
            desk = made.desk(daemon, tmp_path)
            await made.add(desk)
            with pytest.raises(Refused, match="the disk is full"):
                await relinked(desk)
            await trio.sleep(60)
            assert len(tried) > 1
            assert made.vault.subject("connection", NEW) is None
    assert made.vault.keepers(MOVE)
    made.vault._shut.clear()  # another process opens it
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        subject, known = desk.find(NEW)
        assert made.vault.keepers(MOVE) == []
        assert account.credential(made.vault, known, subject) is None
        assert (await shown(desk)).provider == "old"
    assert {key for host, key in made.seen if host == "new"} <= {None}


async def test_a_retired_provider_is_told_of_and_its_last_data_served(autojump_clock, tmp_path):
    made = Moving()
    made.headers = {"sunset": "Mon, 02 Mar 2026 00:00:00 GMT", "deprecation": "true"}
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        second = NewConnection(connection="acme/old/2", credential=KEY)
        await membership.add(desk, second, BY)
        await made.until(SyncSucceeded, 2)
        at = made.vault.subject("provider", "old")
        heard = daemon.journal.world.providers[at].retirement.announced
        assert [each.sunset for each in heard] == [datetime(2026, 3, 2, tzinfo=UTC)]
        made.gone = True
        await trio.sleep(13 * 3600)
        page = await shown(desk, OLD)
        assert (page.rows, page.last_good, page.provider) == (1, "retired", "old")
        assert page.now - page.captured_at > page.now - made.events(SyncFailed)[0].at
        lost = made.events(SyncFailed)
        assert len({each.event.message for each in lost}) == 1
        assert "its successor is new: type `rounds connection relink`" in lost[0].event.message
        assert len(lost) == 2, "both are latched"
        [alert] = made.events(ProviderRetired)
        assert (alert.subject, alert.event.successor) == (at, "new")
        await relinked(desk, credential=OTHER_KEY)
        await made.until(SyncSucceeded, 3)


async def test_announced_by_every_answer_it_stands_in_the_log_once(autojump_clock, tmp_path):
    made = Moving()
    made.headers = {"sunset": "Mon, 02 Mar 2026 00:00:00 GMT"}
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        await trio.sleep(86_400)
    types = [decode(row).event.__struct_config__.tag for row in made.disk.rows]
    assert types.count("sync-succeeded") > 3
    assert types.count("retirement-announced") == 1


async def test_what_a_program_hears_of_one_path_is_no_providers_end(autojump_clock, tmp_path):
    made = Moving()
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        await made.until(SyncSucceeded, 1)
        subject = made.vault.subject("connection", OLD)
        made.headers = {"sunset": "Mon, 02 Mar 2026 00:00:00 GMT", "deprecation": "true"}
        await daemon.gateway.call(subject, Wish(method="GET", path="/one"), None)
    assert made.events(RetirementAnnounced) == []


@pytest.mark.parametrize(
    "more, why",
    [
        ({"provider": "old"}, "at old already"),
        ({"provider": "nowhere"}, "there is no provider nowhere"),
        ({"name": "globex/new"}, "another tenant's"),
        ({"name": "acme"}, "is not tenant/provider"),
        ({"name": "acme/taken"}, "acme/taken exists; say how to call this one with --as"),
        ({"name": "acme/left"}, "acme/left was removed, and its data is kept"),
        ({"credential": "a\nb"}, "the credential holds a line break"),
        ({"settings": {"host": "eu"}}, "has host, which new does not know"),
    ],
)
async def test_it_is_refused_with_a_sentence(autojump_clock, tmp_path, more, why):
    made = Moving()
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        for name in ("acme/taken", "acme/left"):
            wish = NewConnection(connection=name, provider="last", credential=KEY)
            await membership.add(desk, wish, BY)
        await trio.sleep(60)
        await membership.remove(desk, ConnectionName(connection="acme/left"), BY)
        with pytest.raises(Refused) as refused:
            await relinked(desk, **more)
        assert why in refused.value.message
        tried = await relinked(desk, dry_run=True)
        assert tried.message.startswith("it would be moved to new, and would be called acme/new")
        assert tried.events == []
    assert made.events(ConnectionRelinked) == []


async def test_who_has_no_successor_says_where_to(autojump_clock, tmp_path):
    made = Moving()
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        wish = NewConnection(connection="acme/tracker/me", provider="last", credential=KEY)
        await membership.add(desk, wish, BY)
        await trio.sleep(60)
        wish = RelinkWish(connection="acme/tracker/me")
        with pytest.raises(Refused, match="the file of last names no successor"):
            await control.relink(desk, wish, BY)
        answer = await control.relink(desk, replace(wish, provider="new"), BY)
        assert "is called acme/tracker/me there" in answer.message


async def test_it_waits_for_its_sync_and_its_calls(autojump_clock, tmp_path):
    made = Moving()
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        subject, _ = desk.find(OLD)
        with daemon.gateway.under_way(subject), pytest.raises(Refused, match="being called for"):
            await relinked(desk)
        async with daemon.keeper.turns.of(subject):
            with pytest.raises(Refused, match="or authorised"):
                await relinked(desk)
        assert not daemon.gateway.is_busy(subject)
        await relinked(desk)


async def test_who_brings_no_credential_is_told_where_to_give_it(autojump_clock, tmp_path):
    made = Moving()
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        answer = await relinked(desk)
        assert answer.message.endswith(
            "its credential is needed: rounds connection add acme/new --credential-stdin"
        )


async def test_it_says_which_writes_do_not_go_with_it(autojump_clock, tmp_path):
    made = Moving()
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        subject, _ = desk.find(OLD)
        made.writes = CallLost(FailureClass.NETWORK, "no way there", sent=False)
        wish = Wish(method="POST", path="/days", body=b"{}")
        for _ in range(2):
            await daemon.outbox.call(subject, wish, BY)
        would = await relinked(desk, dry_run=True)
        assert "; 2 writes that wait for old would be dropped; " in would.message
        made.writes = CallLost(FailureClass.NETWORK, "it broke")
        await made.until(WriteInDoubt)
        would = await relinked(desk, dry_run=True)
        assert "; 2 writes that wait for old would be dropped, 1 of them in doubt; " in (
            would.message
        )
        moved = await relinked(desk, credential=OTHER_KEY)
        assert "; 2 writes that wait for old are dropped, 1 of them in doubt; " in moved.message


class Shipped(Moving):
    """At the providers that ship with rounds, before one of them is switched off."""

    def configuration(self):
        return Configuration(settings=Settings(), providers=shipped(), files=())


async def test_from_fitbit_to_google_health_somebody_consents_anew(autojump_clock, tmp_path):
    """The shipped case; whoever was under way to the old one comes back in vain."""
    made, name = Shipped(), "acme/fitbit/anna"
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        for each in ("fitbit", "google_health"):
            client = ProviderClient(provider=each, client_id=f"id-{each}", client_secret="s")
            await accounts.provider_client(desk, client, BY)
        await membership.add(desk, NewConnection(connection=name), BY)
        begun = await accounts.authorize_begin(desk, AuthorizeWish(connection=name), BY)
        answer = await control.relink(desk, RelinkWish(connection=name), BY)
        assert "is called acme/google_health/anna there" in answer.message
        assert answer.message.endswith("rounds connection authorize acme/google_health/anna")
        _, known = desk.find("acme/google_health/anna")
        assert known.grant.phase is Phase.NEEDED
        wish = AuthorizeAnswer(
            connection="acme/google_health/anna", state=begun.state, answer="a-code"
        )
        with pytest.raises(Refused, match="is not known"):
            await accounts.authorize_finish(desk, wish, BY)
        anew = AuthorizeWish(connection="acme/google_health/anna")
        assert (await accounts.authorize_begin(desk, anew, BY)).url.startswith(
            "https://accounts.google.com/"
        )
        await trio.sleep(86_400)
    assert made.seen == []


# -- in the configuration -------------------------------------------------------------------------


def declared(tmp_path, **more):
    key = tmp_path / "key"
    key.write_text(KEY)
    return Declared(credential_file=str(key), **more)


async def test_what_is_declared_moves_with_the_file(autojump_clock, tmp_path):
    made = Moving(**{OLD: declared(tmp_path)})
    async with made.life() as daemon:
        await made.until(SyncSucceeded)
        desk = made.desk(daemon, tmp_path)
        with pytest.raises(Refused, match=r'\[connections."acme/new"\] with was = "acme/old"'):
            await relinked(desk)
        subject, _ = desk.find(OLD)
    made.declared = {NEW: declared(tmp_path, was=OLD)}
    for _ in range(2):  # the file goes on saying so
        async with made.life() as daemon:
            desk = made.desk(daemon, tmp_path)
            assert desk.find(NEW)[0] == subject
            assert desk.find(NEW)[1].declared
            assert (await shown(desk, provider="old")).rows == 1
            await made.until(SyncSucceeded, 2)
    made.declared = {NEW: declared(tmp_path, was=NEW, provider="last")}
    async with made.life() as daemon:
        assert made.desk(daemon, tmp_path).find(NEW)[0] == subject
    assert [each.subject for each in made.events(ConnectionRelinked)] == [
        made.vault.subject("connection", NEW)
    ] * 2


@pytest.mark.parametrize("extra", [{NEW: {}}, {"acme/old/2": {"was": OLD}}])
async def test_was_of_two_that_are_there_is_an_error(autojump_clock, tmp_path, extra):
    made = Moving(**{OLD: declared(tmp_path), **{each: declared(tmp_path) for each in extra}})
    async with made.life():
        await trio.sleep(1)
    named = {each: declared(tmp_path, **{"was": OLD} | more) for each, more in extra.items()}
    made.declared = named
    with pytest.raises(BaseExceptionGroup) as group:
        async with made.life():
            pytest.fail("it starts")

    assert group.group_contains(ConfigurationError, match="`was` moves a connection")


async def in_sql(desk):
    await desk.reading.scribe.fresh()
    sql = "SELECT provider, connection FROM connection_health_metrics"
    return await desk.reading.ask(lambda connection: connection.execute(sql).fetchall())


async def test_what_is_asked_in_sql_has_its_new_name(autojump_clock, tmp_path):
    made = Moving()
    async with made.life() as daemon:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        assert await in_sql(desk) == [("old", OLD)]
        await relinked(desk)
        await trio.sleep(2 * UNSEEN_S)
        assert await in_sql(desk) == [("new", NEW)]


async def test_in_sql_it_has_it_where_it_was_looked_at_before_it_was_called_that(
    autojump_clock, tmp_path
):
    """It has moved, which is not on disk yet: then its row is written, and nothing comes later."""
    made = Moving()
    async with made.life() as daemon, trio.open_nursery() as nursery:
        desk = made.desk(daemon, tmp_path)
        await made.add(desk)
        assert await in_sql(desk) == [("old", OLD)]
        subject, known = desk.find(OLD)
        await daemon.journal.durable(daemon.journal.execute(Pause(subject=subject)))
        nursery.start_soon(relinked, desk)
        before, connections = known.provider, daemon.journal.world.connections
        while connections[subject].provider == before:
            await trio.lowlevel.checkpoint()
        await in_sql(desk)
        await trio.sleep(2 * UNSEEN_S)
        assert await in_sql(desk) == [("new", NEW)]


@pytest.mark.parametrize("dies", [False, True])
async def test_in_sql_it_has_it_where_the_vault_follows_late(
    autojump_clock, tmp_path, monkeypatch, dies
):
    """The disk is full; the vault follows once it is not, or at the next start."""
    made = Moving()
    made.read = tmp_path / "read"
    carry_out, full = relinking._carry_out, [VaultFull] * 30

    def fills(*given):
        if full:
            raise full.pop()
        carry_out(*given)

    with monkeypatch.context() as patched:
        patched.setattr(relinking, "_carry_out", fills)
        async with made.life() as daemon:
            desk = made.desk(daemon, tmp_path)
            await made.add(desk)
            with pytest.raises(Refused, match="the disk is full"):
                await relinked(desk)
            assert await in_sql(desk) == [("new", OLD)]
            if not dies:
                await trio.sleep(60)
                subject, _ = desk.find(NEW)
                daemon.journal.execute(Pause(subject=subject))
                await trio.sleep(1)
                assert await in_sql(desk) == [("new", NEW)]
                return
    made.vault._shut.clear()  # another process opens it
    async with made.life() as daemon:
        assert await in_sql(made.desk(daemon, tmp_path)) == [("new", NEW)]
