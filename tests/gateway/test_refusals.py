"""Does a program hear what its provider said of a credential that it refused?"""

import json

import pytest
import trio

from daemon.control import accounts, gateway
from daemon.control.account_messages import AuthorizeAnswer, AuthorizeWish, ProviderClient
from daemon.control.desk import Refused
from daemon.control.gateway_messages import RequestWish
from daemon.exchange import CallLost, Response
from events.gateway import CallMade
from events.schema import AuthorisationNeeded
from events.terms import Caller, FailureClass, NeedReason
from tests.fakes.in_process import NAME, play
from tests.gateway.programs import Programs
from tests.gateway.test_answers_to_programs import desk

pytestmark = pytest.mark.requirement("E6")

BY = Caller(uid=0, role="operator")
HOUR_S = 3600
KEY = "pineapple-and-more"
WHY = b'{"error": "the scope orders.write is missing"}'
JSON = {"content-type": "application/json", "x-internal": "no"}
KEYED = {"kind": "api_key", "header": "X-Key"}
CONSENTED = {
    "kind": "oauth2",
    "authorize_url": "https://health.example/authorize",
    "token_url": "https://health.example/token",
}
OWNED = {
    "kind": "oauth2",
    "grant": "client_credentials",
    "token_url": "https://health.example/token",
}


class Refusing(Programs):
    """Its token endpoint gives token after token, until it refuses."""

    refuses: tuple[int, bytes] | None = None
    refreshes = True
    given = 0

    async def send_token(self, request):
        if self.refuses is not None:
            status, body = self.refuses
            cause = FailureClass.SERVER if status >= 500 else FailureClass.INVALID
            raise CallLost(cause, "no", status=status, refusal=body, headers=JSON)
        self.given += 1
        said = {"access_token": f"token-number-{self.given:08}", "token_type": "bearer"}
        if self.refreshes:
            said["refresh_token"] = f"refresh-number-{self.given:08}"
        body = json.dumps(said | {"expires_in": 3600}).encode()
        return Response(status=200, headers=JSON, body=body, duration_ms=1, size=len(body))


def asking(test, auth, tmp_path, *, refreshes=True):
    async def scene():
        programs = Refusing(auth=auth)
        programs.refreshes = refreshes
        credential = tmp_path / "credential"
        credential.write_text(KEY if auth is KEYED else f"ours:{KEY}")
        programs.credential_file = None if auth is CONSENTED else str(credential)
        async with programs.life() as daemon:
            at = desk(programs, daemon)
            if auth is CONSENTED:
                await consent(at)

            async def ask(**wish):
                if wish.pop("anew", False):
                    await consent(at)
                return await gateway.request(at, RequestWish(connection=NAME, **wish), BY)

            await trio.sleep(60)  # the first sync is over
            await test(programs, ask)

    play(scene)


async def consent(at):
    ours = ProviderClient(provider="health", client_id="ours", client_secret="our-secret")
    await accounts.provider_client(at, ours, BY)
    begun = await accounts.authorize_begin(at, AuthorizeWish(connection=NAME), BY)
    back = AuthorizeAnswer(connection=NAME, state=begun.state, answer="a-code")
    await accounts.authorize_finish(at, back, BY)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("wish", [{"path": "/days"}, {"path": "/orders", "method": "POST"}])
def test_a_refused_key_is_an_answer_like_any_other(status, wish, tmp_path):
    async def test(programs, ask):
        programs.answer = lambda _: (status, JSON, WHY)
        answer = await ask(**wish)
        assert (answer.status, answer.body) == (status, WHY.decode())
        assert answer.headers == {"content-type": "application/json"}
        assert (answer.cause, answer.source) == (FailureClass.AUTH, "provider")
        assert f"({status})" in answer.message
        assert len(programs.arrived) == 1
        await trio.sleep(1)
        [made] = programs.events(CallMade)
        assert (made.event.status, made.event.cause) == (status, FailureClass.AUTH)

    asking(test, KEYED, tmp_path)


def test_a_token_is_renewed_first_and_what_is_said_of_the_new_one_is_handed_on(tmp_path):
    async def test(programs, ask):
        said, before = iter([b"too old", WHY]), programs.given
        programs.answer = lambda _: (401, JSON, next(said))
        answer = await ask(path="/days")
        assert (answer.status, answer.body) == (401, WHY.decode())
        assert answer.cause is FailureClass.AUTH
        assert "does not allow this with our token (401)" in answer.message
        assert len({each.credential for each in programs.arrived}) == 2
        await trio.sleep(1)
        assert programs.given == before + 1
        assert [each.event.cause for each in programs.events(CallMade)] == [FailureClass.AUTH] * 2

    asking(test, OWNED, tmp_path)


@pytest.mark.requirement("A16")
@pytest.mark.parametrize("auth", [KEYED, OWNED])
def test_a_refusal_that_repeats_the_credential_is_not_passed_on(auth, tmp_path):
    async def test(programs, ask):
        programs.answer = lambda asked: (403, JSON, f"not {asked.credential}".encode())
        answer = await ask(path="/days")
        assert (answer.status, answer.body, answer.headers) == (403, "", {})
        for arrived in programs.arrived:
            assert arrived.credential.split()[-1] not in repr(answer)

    asking(test, auth, tmp_path)


@pytest.mark.requirement("A16")
@pytest.mark.parametrize(
    ("auth", "status", "error", "code"),
    [
        (OWNED, 400, "invalid_grant", "not-authorised"),
        (CONSENTED, 400, "invalid_grant", "not-authorised"),
        (OWNED, 503, "down", "provider"),
    ],
)
def test_what_the_token_endpoint_says_is_no_answer_to_the_call(auth, status, error, code, tmp_path):
    async def test(programs, ask):
        programs.answer = lambda _: (401, JSON, b"too old")
        programs.refuses = status, json.dumps({"error": error, "for": "ACME"}).encode()
        with pytest.raises(Refused) as refused:
            await ask(path="/days")
        assert refused.value.code == code
        assert "ACME" not in refused.value.message
        assert len({each.credential for each in programs.arrived}) == 1, "no other was to be had"

    asking(test, auth, tmp_path)


# -- a path that is refused whatever the token ----------------------------------------------------


def closed(asked):
    return (401, JSON, WHY) if asked.path == "/closed" else b"{}"


def test_a_grant_that_cannot_be_renewed_outlives_what_is_refused_to_a_program(tmp_path):
    """Until its token has run out: then a person is asked, as always."""

    async def test(programs, ask):
        programs.answer = closed
        for _ in range(2):
            answer = await ask(path="/closed")
            assert (answer.status, answer.body) == (401, WHY.decode())
            assert (answer.cause, answer.source) == (FailureClass.AUTH, "provider")
            assert (await ask(path="/days")).status == 200
        assert programs.paths() == ["/closed", "/days"] * 2
        await trio.sleep(HOUR_S)
        with pytest.raises(Refused) as refused:
            await ask(path="/days")
        assert refused.value.code == "not-authorised"
        reasons = [each.event.reason for each in programs.events(AuthorisationNeeded)]
        assert [each for each in reasons if each is not NeedReason.NEW] == [NeedReason.EXPIRED]
        assert programs.given == 1

    asking(test, CONSENTED, tmp_path, refreshes=False)


@pytest.mark.requirement("C2")
@pytest.mark.parametrize("auth", [OWNED, CONSENTED])
def test_a_path_that_is_always_refused_costs_one_token_and_one_more_each_time_it_runs_out(
    auth, tmp_path
):
    async def test(programs, ask):
        programs.answer = closed
        for had in (programs.given, programs.given + 2):
            for _ in range(3):
                answer = await ask(path="/closed")
                assert (answer.status, answer.body) == (401, WHY.decode())
                assert "does not allow this with our token (401)" in answer.message
                assert (await ask(path="/days")).status == 200
                assert programs.given == had + 1
            await trio.sleep(HOUR_S)
        assert programs.paths().count("/closed") == 2 * (3 + 1)

    asking(test, auth, tmp_path)


def test_after_a_person_consented_anew_a_refused_token_is_renewed_once_more(tmp_path):
    async def test(programs, ask):
        programs.answer = closed
        for given in (2, 4):
            for anew in (given > 2, False):
                assert (await ask(path="/closed", anew=anew)).status == 401
                assert programs.given == given

    asking(test, CONSENTED, tmp_path)


def test_a_call_whose_token_is_replaced_while_it_is_under_way_goes_out_with_the_new_one(tmp_path):
    """Also where no other would be asked for in its stead: it is there."""

    async def test(programs, ask):
        programs.answer = closed
        await ask(path="/closed")
        old, programs.latency_s = programs.arrived[-1].credential, 9.0
        programs.answer = lambda asked: (401, JSON, WHY) if asked.credential == old else b"{}"
        await trio.sleep(HOUR_S - 35)
        answers = []

        async def early():
            answers.append(await ask(path="/closed"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(early)
            await trio.sleep(6)
            answers.append(await ask(path="/days"))  # its token is about to expire
        assert [each.status for each in answers] == [200, 200]
        assert [each.credential == old for each in programs.arrived[2:]] == [True, False, False]
        assert programs.given == 3
        programs.answer = lambda _: (401, JSON, WHY)
        await ask(path="/orders")
        assert programs.given == 4, "what ran out was not renewed for a refusal"

    asking(test, CONSENTED, tmp_path)
