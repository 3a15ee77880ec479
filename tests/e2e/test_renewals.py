"""A grant that would die of idleness is kept alive; in-process, where days pass in seconds."""

from collections import Counter
from datetime import timedelta
from functools import partial

import msgspec
import pytest
import trio

from daemon import account, commands
from daemon.account import CLIENT, NO_TENANT
from daemon.auth_file import OAuth2
from daemon.clock import TrioClock
from daemon.connect import connect, disconnect
from daemon.exchange import CallLost, Response
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.stream_file import Stream
from events.schema import (
    AuthorisationNeeded,
    CredentialSet,
    RefreshFailed,
    RefreshIntended,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
)
from events.terms import FailureClass, NeedReason
from projections.grant import Phase
from tests.fakes.in_process import DAY_S, EPOCH, NAME, InProcess, play

IDLE = timedelta(days=1)


class Server:
    """Each refresh token is good once, and for a day. It counts what it is sent."""

    def __init__(self, clock):
        self.clock = clock
        self.sent = Counter()
        self.takes_s = 0.5
        self.down = False
        self.idle_deaths = 0
        self._number = 0
        self._current = ""
        self._used_at = clock.now()

    async def send_token(self, request):
        form = {
            **request.form,
            **{name: each.reveal() for name, each in request.secret_form.items()},
        }
        await trio.sleep(self.takes_s)
        if self.down:
            raise CallLost(FailureClass.SERVER, "the provider failed (503)", status=503)
        if form["grant_type"] == "refresh_token":
            self._redeem(form["refresh_token"])
        self._number += 1
        self._current, self._used_at = f"refresh-{self._number}", self.clock.now()
        document = {
            "access_token": f"access-{self._number}",
            "refresh_token": self._current,
            "expires_in": 3600,
        }
        return Response(status=200, headers={}, body=msgspec.json.encode(document), duration_ms=1)

    async def send(self, request):
        await trio.sleep(0.1)
        return Response(status=200, headers={}, body=b'[{"id": 1}]', duration_ms=1)

    def _redeem(self, token):
        self.sent[token] += 1
        idle = self.clock.now() - self._used_at > IDLE
        self.idle_deaths += idle
        if token != self._current or idle:
            self._current = ""
            refusal = b'{"error": "invalid_grant"}'
            raise CallLost(FailureClass.INVALID, "refused", status=400, refusal=refusal)


class Fleet(InProcess):
    """One account at a provider whose grants die of idleness."""

    def __init__(self, **auth):
        super().__init__()
        self.server = Server(self.clock)
        self.send, self.send_token = self.server.send, self.server.send_token
        provider = self.vault.enrol("provider", "health")
        self.vault.seal(NO_TENANT, provider, CLIENT, Secret("id:secret"))
        urls = {
            "token_url": "https://health.example/token",
            "authorize_url": "https://health.example/",
        }
        self.file = ProviderFile(
            name="health",
            base_url="https://health.example",
            auth=OAuth2(**urls, idle_days=1, **auth),
            streams={"records": Stream(path="/records", primary_key=("id",))},
        )

    async def authorise(self, daemon):
        daemon.journal.execute(commands.BeginAuthorisation(subject=self.subject))
        await daemon.keeper.authorise(
            self.subject,
            code=Secret("code"),
            redirect_uri="http://127.0.0.1/",
            verifier=Secret("verifier"),
            by=None,
        )

    def grant(self, daemon):
        return daemon.journal.world.connections[self.subject].grant


def in_time(scene, **auth):
    """Play a scene under a clock that jumps."""

    async def played():
        await scene(Fleet(**auth))

    play(played)


@pytest.mark.requirement("C1")
def test_the_grant_of_a_paused_connection_is_renewed_for_as_long_as_it_is_paused():
    async def scene(fleet):
        async with fleet.life() as daemon:
            await fleet.authorise(daemon)
            await trio.sleep(60)
            daemon.journal.execute(commands.Pause(subject=fleet.subject))
            await trio.sleep(30 * DAY_S)
            assert fleet.grant(daemon).phase is Phase.GOOD
        refreshed = fleet.events(TokenRefreshed)
        assert 30 <= len(refreshed) <= 41, "before each day is over, and not much more often"
        assert {each.event.reason for each in fleet.events(RefreshIntended)} == {"idle"}
        assert set(fleet.server.sent.values()) == {1}
        assert len(fleet.events(SyncStarted)) == 1, "nothing is synced for it"

    in_time(scene)


@pytest.mark.requirement("C1")
def test_a_token_that_is_never_used_is_renewed_by_no_timer_where_idleness_does_not_kill():
    async def scene(fleet):
        auth = msgspec.structs.replace(fleet.file.auth, idle_days=None)
        fleet.file = msgspec.structs.replace(fleet.file, auth=auth)
        async with fleet.life() as daemon:
            await fleet.authorise(daemon)
            await trio.sleep(30 * DAY_S)
        assert not fleet.server.sent

    in_time(scene)


@pytest.mark.requirement("C1")
def test_a_renewal_that_fails_is_tried_again_before_the_grant_dies():
    async def scene(fleet):
        async with fleet.life() as daemon:
            await fleet.authorise(daemon)
            await trio.sleep(60)
            fleet.server.down = True
            await trio.sleep(0.95 * DAY_S)
            fleet.server.down = False
            await trio.sleep(DAY_S)
            assert fleet.grant(daemon).phase is Phase.GOOD
        assert 4 <= len(fleet.events(RefreshFailed)) <= 6
        assert fleet.server.idle_deaths == 0

    in_time(scene)


@pytest.mark.requirement("C2")
def test_a_renewal_that_somebody_overtakes_by_authorising_sends_nothing():
    async def scene(fleet):
        async with fleet.life() as daemon:
            await fleet.authorise(daemon)
            await trio.sleep(60)
            fleet.server.takes_s = 30
            ahead = fleet.grant(daemon).renew_by - fleet.clock.now()
            await trio.sleep(ahead.total_seconds() - 10)
            await fleet.authorise(daemon)
            await trio.sleep(100)
            assert not fleet.server.sent
            fleet.server.takes_s = 0.5
            await trio.sleep(3600)
            daemon.journal.execute(commands.Request(subject=fleet.subject))
            await trio.sleep(60)
            assert fleet.grant(daemon).phase is Phase.GOOD
        assert len(fleet.events(SyncSucceeded)) == 3

    in_time(scene)


@pytest.mark.requirement("C2")
def test_a_renewal_uses_no_token_of_an_older_vault_up():
    async def scene(fleet):
        async with fleet.life() as daemon:
            await fleet.authorise(daemon)
            await trio.sleep(3600)
            known = daemon.journal.world.connections[fleet.subject]
            older = account.kept(fleet.vault, known, fleet.subject)
            daemon.journal.execute(commands.Request(subject=fleet.subject))
            await trio.sleep(60)
            account.keep(fleet.vault, known, fleet.subject, older)
            await trio.sleep(2 * DAY_S)
        assert set(fleet.server.sent.values()) == {1}
        (need,) = fleet.events(AuthorisationNeeded)[1:]
        assert need.event.reason is NeedReason.LOST

    in_time(scene)


@pytest.mark.requirement("C1")
def test_a_clock_that_steps_back_lets_no_grant_die():
    async def scene(fleet):
        async with fleet.life() as daemon:
            await fleet.authorise(daemon)
            await trio.sleep(60)
            fleet.clock.step(-timedelta(days=30))
            fleet.server.clock = TrioClock(EPOCH)  # the provider's did not step
            fleet.server._used_at = fleet.server.clock.now()
            await trio.sleep(10 * DAY_S)
            assert fleet.server.sent
            assert fleet.server.idle_deaths == 0

    in_time(scene)


@pytest.mark.requirement("C2")
def test_a_stop_in_a_renewal_leaves_no_doubt():
    async def scene(fleet):
        async with fleet.life() as daemon:
            await fleet.authorise(daemon)
            await trio.sleep(60)
            fleet.server.takes_s = 15
            ahead = fleet.grant(daemon).renew_by - fleet.clock.now()
            await trio.sleep(ahead.total_seconds() + 1)
            assert fleet.grant(daemon).phase is Phase.REFRESHING
        async with fleet.life() as daemon:
            assert fleet.grant(daemon).phase is Phase.GOOD
            assert fleet.grant(daemon).generation == 2
        assert not fleet.events(TokenInDoubt)
        assert set(fleet.server.sent.values()) == {1}

    in_time(scene, in_doubt="ask")


@pytest.mark.requirement("C2")
@pytest.mark.parametrize("after_ms", [0, 1, 2, 5, 10, 20, 50, 300, 1000])
def test_a_sync_that_is_cancelled_at_any_moment_leaves_the_grant_in_use(after_ms):
    """Also between the intention's event and its commit."""

    async def scene(fleet):
        async with fleet.life() as daemon:
            await fleet.authorise(daemon)
            await trio.sleep(3600)
            intended = trio.Event()

            def look(recorded):
                if isinstance(recorded.event, RefreshIntended):
                    intended.set()

            daemon.journal.observe(look)
            daemon.journal.execute(commands.Request(subject=fleet.subject))
            await intended.wait()
            await trio.sleep(after_ms / 1000)
            daemon.journal.execute(commands.Cancel(subject=fleet.subject))
            await trio.sleep(60)
            assert fleet.grant(daemon).phase is Phase.GOOD
            daemon.journal.execute(commands.Request(subject=fleet.subject))
            await trio.sleep(60)
        assert isinstance(fleet.events(SyncStarted, SyncSucceeded)[-1].event, SyncSucceeded)
        assert set(fleet.server.sent.values()) == {1}

    in_time(scene)


@pytest.mark.requirement("C2")
def test_an_application_that_changes_its_secret_keeps_its_grants_and_another_one_does_not(tmp_path):
    key = tmp_path / "key"

    async def scene(fleet):
        fleet.credential_file = str(key)
        phases = []
        for text in ("our id:first", "our id:second", "another id:third"):
            key.write_text(text)
            async with fleet.life() as daemon:
                if not phases:
                    await fleet.authorise(daemon)
                phases.append(fleet.grant(daemon).phase)
        assert phases == [Phase.GOOD, Phase.GOOD, Phase.NEEDED]
        purposes = [each.event.purpose for each in fleet.events(CredentialSet)]
        assert purposes == ["credential", "client-secret", "credential"]

    in_time(scene)


# -- what happens meanwhile -----------------------------------------------------------------------


class Nobody:
    """Gives a connection no name to be shown under."""

    async def name(self, *_):
        await trio.lowlevel.checkpoint()


async def authorised_slowly(fleet, daemon, meanwhile):
    """Exchange a code; after a second of it, this happens. How the exchange ended."""
    fleet.server.takes_s = 5
    lost = []

    async def exchange():
        try:
            await fleet.authorise(daemon)
        except CallLost as loss:
            lost.append(loss)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange)
        await trio.sleep(1)
        await meanwhile()
    return lost


@pytest.mark.requirement("B2")
def test_what_is_consented_to_for_a_connection_that_goes_meanwhile_is_not_kept():
    async def scene(fleet):
        async with fleet.life() as daemon:
            gone = partial(disconnect, daemon.journal, fleet.vault, fleet.subject)
            (loss,) = await authorised_slowly(fleet, daemon, gone)
            assert "was removed" in loss.message
            known = daemon.journal.world.connections[fleet.subject]
            assert account.kept(fleet.vault, known, fleet.subject) is None

    in_time(scene)


@pytest.mark.requirement("B2")
def test_what_is_consented_to_for_one_application_is_not_another_ones():
    async def scene(fleet):
        async with fleet.life() as daemon:
            other = partial(
                connect,
                daemon.journal,
                fleet.vault,
                Nobody(),
                NAME,
                fleet.file,
                credential=Secret("another id:secret"),
            )
            (loss,) = await authorised_slowly(fleet, daemon, other)
            assert "another application" in loss.message
            assert fleet.grant(daemon).phase is Phase.NEEDED

    in_time(scene)


@pytest.mark.requirement("B2")
def test_a_death_before_another_credential_is_sealed_forgets_neither_it_nor_its_event(tmp_path):
    key = tmp_path / "key"

    async def scene(fleet):
        fleet.credential_file = str(key)
        key.write_text("our id:first")
        async with fleet.life() as daemon:
            await fleet.authorise(daemon)
            known = daemon.journal.world.connections[fleet.subject]
        key.write_text("another id:third")
        fleet.vault.seal = unwritable
        with pytest.raises(ExceptionGroup):
            async with fleet.life():
                pass
        del fleet.vault.seal
        async with fleet.life() as daemon:
            assert fleet.grant(daemon).phase is Phase.NEEDED
        sealed = account.credential(fleet.vault, known, fleet.subject)
        assert sealed.reveal() == "another id:third"
        assert len(fleet.events(CredentialSet)) == 3, "the first, one before the death, one after"

    in_time(scene)


def unwritable(*_):
    raise OSError("the power failed")


def test_a_credential_from_before_its_provider_spoke_oauth_is_shown_to_nobody():
    async def scene(fleet):
        async with fleet.life() as daemon:
            known = daemon.journal.world.connections[fleet.subject]
            key = Secret("an API key")
            fleet.vault.seal(known.tenant, fleet.subject, account.CREDENTIAL, key)
            client = account.client(fleet.vault, known, fleet.subject, fleet.file.auth)
            assert client.id == "id"

    in_time(scene)
