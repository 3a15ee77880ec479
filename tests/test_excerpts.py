"""What is kept of a provider's words: whose, how many, for how long, and what a crash leaves?"""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest
import trio
from msgspec.structs import replace

from daemon import excerpts
from daemon.commands import Remove
from daemon.control import act, consent, failure_log
from daemon.control.account_messages import SyncWish
from daemon.control.consent_messages import ConsentWish
from daemon.control.failure_log_messages import FailureLogQuery, FailureName
from daemon.control.operation import Role
from daemon.control.server import application
from daemon.exchange import CallLost, Head, Response
from daemon.host_settings import MonitoringSettings
from daemon.provider_file import AnswerErrors, ProviderFile
from daemon.secret import Secret
from daemon.store import excerpts as rows
from daemon.store.core import StoreFull
from daemon.stream_file import Stream
from events.access import ExcerptRead
from events.schema import CallFailed
from events.terms import Caller, FailureClass
from tests.fakes.in_process import NAME, InProcess, play

pytestmark = [pytest.mark.requirement("B10"), pytest.mark.requirement("D7")]

BY = Caller(uid=0, role="operator")
VIEWER = Caller(uid=7, role="viewer")
DAY_S = 86_400


class Home(InProcess):
    """One tenant, whose provider says what it is told to; and what the configuration believes."""

    def __init__(self, believed="assumed"):
        super().__init__()
        self.believed = believed
        self.answer = "down for maintenance"
        self.status = 500
        self.file = ProviderFile(
            name="health",
            base_url="https://health.example",
            streams={"steps": Stream(path="/steps", primary_key=("id",))},
            errors=AnswerErrors(path="error"),
        )

    async def send(self, request):
        body = self.answer.encode()
        if self.status == 200:
            headers = {"content-type": "text/plain; of=hunter2-and-more"}
            return Response(status=200, headers=headers, body=body, duration_ms=1, size=len(body))
        assert request.keeps_head is (self.believed == "assumed")
        head = Head(status=self.status, content_type="", body=body, more=False)
        raise CallLost(FailureClass.SERVER, "it failed", status=self.status, head=head)

    def _configuration(self):
        found = super()._configuration()
        monitoring = MonitoringSettings(consent=self.believed)
        return replace(found, settings=replace(found.settings, monitoring=monitoring))

    def kept(self):
        """By which events what is kept is referred to."""
        return self.store.ask(
            lambda connection: [
                event for (event,) in connection.execute("SELECT event FROM excerpt ORDER BY event")
            ]
        )

    def failed(self):
        return [each for each in self.events(CallFailed) if each.subject == self.subject]

    async def sync(self, daemon, answer=None, status=500):
        self.answer, self.status = answer or self.answer, status
        await act.sync(self.desk(daemon), SyncWish(connection=NAME, force=True), BY)
        await trio.sleep(60)  # no sync takes that long

    async def show(self, daemon, event, by=BY):
        desk, name = self.desk(daemon), FailureName(connection=NAME, event=event)
        return await failure_log.show(desk, name, by)

    async def listed(self, daemon):
        """The failures that a list says there is more of."""
        found = await failure_log.listing(self.desk(daemon), FailureLogQuery(tenant="acme"), BY)
        return {each.event for each in found.failures if each.excerpt}

    @asynccontextmanager
    async def asking(self, daemon, role):
        app = application(self.desk(daemon), Role[role.upper()])

        async def known(scope, receive, send):
            await app({**scope, "state": {"uid": 0, "gone": lambda: False}}, receive, send)

        transport = httpx.ASGITransport(known)
        async with httpx.AsyncClient(transport=transport, base_url="http://rounds") as client:
            yield client


def scene(act_, then=None, believed="assumed"):
    """A life, and perhaps the next one."""

    async def playing():
        home = Home(believed)
        async with home.life() as daemon:
            await trio.sleep(5)  # its first sync is over
            await act_(home, daemon)
        if then is not None:
            async with home.life() as daemon:
                await trio.sleep(5)
                await then(home, daemon)

    play(playing)


def test_an_operator_is_shown_what_was_said_once_that_is_written_down():
    async def check(home, daemon):
        (call,) = home.failed()
        assert home.kept() == [call.seq]
        found = await home.show(daemon, call.seq)
        (said,) = found.excerpts
        assert (said.text, said.status, said.more) == ("down for maintenance", 500, False)
        assert found.missing is None
        (read,) = home.events(ExcerptRead)
        assert daemon.journal.head.seq >= read.seq
        event = ExcerptRead(by=BY, connection=home.subject, failure=call.seq)
        assert (read.subject, read.event) == (home.vault.subject("tenant", "acme"), event)

    scene(check)


def test_a_viewer_is_shown_the_failure_and_told_who_may_see_more():
    async def check(home, daemon):
        (call,) = home.failed()
        for role, status in (("viewer", 0), ("operator", 1), ("admin", 1)):
            async with home.asking(daemon, role) as client:
                asked = {"connection": NAME, "event": call.seq}
                answer = await client.get("/v1/failure", params=asked)
            found = answer.json()
            assert found["failures"][0]["cause"] == "server"
            assert len(found["excerpts"]) == status
            assert ("maintenance" in answer.text) is bool(status)
            withheld = "is shown to operators and admins alone"
            assert (withheld in (found["missing"] or "")) is (role == "viewer")
        assert [each.event.by.role for each in home.events(ExcerptRead)] == ["operator", "admin"]

    scene(check)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("<html>log in", "<html>log in"),
        ('{"records": [', '{"records": ['),
        ('{"error": "no such user"}', '{"error": "no such user"}'),
        ('[{"no": "id"}]', '[{"no": "id"}]'),
        ('{"token": "abc", "of": "hunter2-and-more"}', '{"token": [redacted], "of": "[redacted]"}'),
        ("", ""),
    ],
)
def test_an_answer_that_came_as_good_is_kept_too_where_it_is_no_use(answer, says):
    async def check(home, daemon):
        tenant = home.vault.subject("tenant", "acme")
        home.vault.seal(tenant, home.subject, "credential", Secret("user:hunter2-and-more"))
        await home.sync(daemon, answer or " ", 200)
        last = home.failed()[-1]
        (said,) = (await home.show(daemon, last.seq)).excerpts
        assert (said.text.strip(), said.status) == (says, 200)
        assert said.content_type == "text/plain; of=[redacted]"

    scene(check)


def test_a_failed_sync_shows_what_was_said_to_its_calls():
    async def check(home, daemon):
        (call,) = home.failed()
        desk = home.desk(daemon)
        log = await failure_log.listing(desk, FailureLogQuery(connection=NAME), BY)
        sync = next(each for each in log.failures if each.request == "sync")
        found = await home.show(daemon, sync.event)
        assert [each.event for each in found.excerpts] == [call.seq]
        page = await failure_log.listing(desk, FailureLogQuery(tenant="acme", limit=1), BY)
        rest = FailureLogQuery(tenant="acme", before=page.next)
        others = await failure_log.listing(desk, rest, BY)
        assert page.failures + others.failures == log.failures
        assert others.next is None

    scene(check)


def test_the_same_words_are_kept_once_and_every_event_refers_to_them():
    async def check(home, daemon):
        for answer in ("down for maintenance", "another page", "down for maintenance"):
            await home.sync(daemon, answer)
        first, second, other, last = home.failed()
        assert first.event.excerpt == second.event.excerpt == last.event.excerpt
        assert home.kept() == [other.seq, last.seq]
        (said,) = (await home.show(daemon, first.seq)).excerpts
        assert said.text == "down for maintenance"

    scene(check)


def test_no_more_are_kept_of_a_connection_than_somebody_looks_at(monkeypatch):
    monkeypatch.setattr(rows, "KEPT_MAX", 3)

    async def check(home, daemon):
        for number in range(5):
            await home.sync(daemon, f"page {number}!")
        calls = home.failed()
        assert home.kept() == [each.seq for each in calls[-3:]]
        found = await home.show(daemon, calls[0].seq)
        assert found.excerpts == []
        assert "is not kept any more" in found.missing
        assert await home.listed(daemon) == {each.seq for each in calls[-3:]}

    scene(check)


def test_it_goes_with_its_age():
    async def check(home, daemon):
        await trio.sleep(29 * DAY_S)
        assert home.kept()
        await trio.sleep(1 * DAY_S + 2 * excerpts.EVERY_S)
        assert home.kept() == []

    scene(check)


def test_it_goes_with_its_connection():
    async def check(home, daemon):
        daemon.journal.execute(Remove(subject=home.subject))
        await trio.sleep(5)
        assert home.kept() == []

    scene(check)


def test_it_goes_with_the_consent_and_none_is_kept_without():
    async def check(home, daemon):
        desk, (call,) = home.desk(daemon), home.failed()
        done = await consent.withdraw(desk, ConsentWish(tenant="acme"), BY)
        assert "of what providers said, is deleted" in done.message
        assert home.kept() == []
        found = await home.show(daemon, call.seq)
        assert (found.excerpts, "does not consent" in found.missing) == ([], True)
        home.believed = "required"  # the provider is not asked for it any more
        await home.sync(daemon)
        assert home.failed()[-1].event.excerpt == ""
        assert home.kept() == []

    scene(check)


def test_no_list_offers_what_went_with_a_consent_that_is_given_again():
    async def check(home, daemon):
        desk, (call,) = home.desk(daemon), home.failed()
        assert await home.listed(daemon) == {call.seq}
        await consent.withdraw(desk, ConsentWish(tenant="acme"), BY)
        await consent.grant(desk, ConsentWish(tenant="acme"), BY)
        assert await home.listed(daemon) == set()
        await home.sync(daemon, "another page")
        assert await home.listed(daemon) == {home.failed()[-1].seq}

    scene(check)


def test_none_is_kept_where_consent_is_required_and_not_given():
    async def check(home, _):
        (call,) = home.failed()
        assert (call.event.excerpt, home.kept()) == ("", [])

    scene(check, believed="required")


def test_what_a_life_ended_before_it_wrote_is_not_shown_and_said_so():
    def never(_):
        raise StoreFull

    async def check(home, daemon):
        change, home.store.change = home.store.change, never
        await home.sync(daemon, "another page")
        home.store.change = change

    async def later(home, daemon):
        last = home.failed()[-1]
        assert last.event.excerpt
        found = await home.show(daemon, last.seq)
        assert (found.excerpts, "is not kept any more" in found.missing) == ([], True)
        assert home.events(ExcerptRead) == []

    scene(check, then=later)


def test_it_is_shown_before_it_is_written_as_well():
    async def check(home, daemon):
        change = home.store.change

        async def later(wish):
            await trio.sleep(3600)
            return change(wish)

        daemon.excerpts._storage = SimpleNamespace(change=later, ask=daemon.storage.ask)
        await home.sync(daemon, "another page")
        (shown,) = (await home.show(daemon, home.failed()[-1].seq)).excerpts
        assert shown.text == "another page"

    scene(check)


def test_what_refers_to_no_event_is_dropped_at_the_next_start():
    """The log is an older copy, or its last events never became durable."""

    async def check(home, daemon):
        row = rows.Row(
            connection=home.subject, reference="ff", event=10**6, at=2**40, nonce=b"", sealed=b""
        )
        home.store.change(lambda connection: rows.put(connection, [row]))
        other = replace(row, connection=999, event=1)
        home.store.change(lambda connection: rows.put(connection, [other]))
        assert 10**6 in home.kept()

    async def later(home, _):
        assert home.kept() == [home.failed()[0].seq]

    scene(check, then=later)


def test_what_somebody_changed_in_the_file_is_not_shown():
    async def check(home, daemon):
        (call,) = home.failed()
        await home.sync(daemon, "another page")
        first, second = (each.event.excerpt for each in home.failed())
        swap = "UPDATE excerpt SET sealed = (SELECT sealed FROM excerpt WHERE reference = ?)"
        home.store.change(lambda connection: connection.execute(swap, (second,)))
        assert (await home.show(daemon, call.seq)).excerpts == []
        assert first != second

    scene(check)
